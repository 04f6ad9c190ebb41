import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Lab, openResults, querySandboxed } from '../src/index.ts'
import { inTemporaryFolder } from './sample-rows.ts'

const [early, late] = ['2026-01-31T12:00:00.250Z', '2026-02-01T12:00:00.000Z']
const written = { by: 'ann', at: early }

async function inLab(test: (lab: Lab, path: string, close: () => Promise<void>) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const results = await openResults(join(folder, 'results.duckdb'))
    await test(new Lab(results), results.path, () => results.close())
    await results.close()
  })
}

describe('Lab', () => {
  it('keeps of a key who gave it', () =>
    inLab(async (lab) => {
      const first = { key: 'k1', digest: 'd1', by: 'ann', isthmus: '0.1.0', at: late }
      const other = { ...first, key: 'k2', at: early }
      await lab.addOrigins([])
      await lab.addOrigins([first, other])
      const again = { ...first, digest: 'd2', by: 'bob' }
      await lab.addOrigins([again])
      expect(await lab.origins()).toEqual([other, again])
    }))

  it('keeps each disagreement once, the latest first', () =>
    inLab(async (lab) => {
      const one = { key: 'k1', kept: 'd1', refused: 'd2', by: 'bob', isthmus: '0.1.0', at: early }
      for (const found of [one, { ...one, at: late }, { ...one, refused: 'd3', at: late }])
        await lab.addDisagreement(found)
      expect(await lab.disagreements(10)).toEqual([{ ...one, refused: 'd3', at: late }, one])
      expect(await lab.disagreements(1)).toHaveLength(1)
    }))

  it('keeps notes, tags and queries, whatever their text, and forgets them', () =>
    inLab(async (lab, path, close) => {
      const text = `it's "odd"; drop table lab.note --\n✓`
      const note = { id: 'n1', subject: 'study:heads', text, ...written }
      await lab.putNote(note)
      await lab.putNote({ ...note, id: 'n2', subject: 'study:other', at: late })
      await lab.putNote({ ...note, text: 'again' })
      expect(await lab.notes('study:heads')).toEqual([{ ...note, text: 'again' }])
      expect((await lab.notes()).map(({ id, text: found }) => [id, found])).toEqual([
        ['n1', 'again'],
        ['n2', text],
      ])
      expect(await lab.note('n2')).toEqual({ ...note, id: 'n2', subject: 'study:other', at: late })
      expect(await lab.note('n3')).toBeUndefined()
      await lab.removeNote('n1')
      const tag = { subject: 'study:heads', tag: text, ...written }
      await lab.putTag(tag)
      await lab.putTag({ ...tag, by: 'bob' })
      expect(await lab.tags()).toEqual([tag])
      expect(await lab.tags('study:other')).toEqual([])
      await lab.putQuery({ name: 'all', sql: 'from curve', ...written })
      await lab.putQuery({ name: 'all', sql: 'from barrier', ...written })
      expect(await lab.queries()).toEqual([{ name: 'all', sql: 'from barrier', ...written }])
      await close()
      expect((await querySandboxed(path, 'select id, note.subject from lab.note join lab.tag on true')).rows).toEqual([
        ['n2', 'study:other'],
      ])
    }))

  it('has nothing left of what was removed', () =>
    inLab(async (lab) => {
      await lab.putTag({ subject: 'run:a', tag: 't', ...written })
      await lab.putQuery({ name: 'q', sql: 'select 1', ...written })
      await lab.removeTag('run:a', 't')
      await lab.removeQuery('q')
      expect([await lab.tags(), await lab.queries(), await lab.notes()]).toEqual([[], [], []])
    }))
})

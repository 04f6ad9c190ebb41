import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCache, verifyCache } from '@isthmus/dataflow'
import { encodeRows } from '@isthmus/results'
import { expect, it } from 'vitest'
import { backupHome, createToken, restoreHome } from '../src/index.ts'
import { digestOf, record, rows, temporaryFolder, testLab, version } from './lab.ts'

/** A lab with a result, its blob, rows, a note and tokens. */
async function fullLab() {
  const lab = await testLab({ withTokens: true })
  const content = Buffer.from('content')
  const given = record(1, { file: digestOf(content) })
  await lab.ask('PUT', `/v1/blobs/${digestOf(content)}`, content)
  await lab.ask('PUT', `/v1/actions/${given.key}`, { record: given, isthmus: version })
  await lab.ask('POST', '/v1/rows', encodeRows(rows('s', 3)))
  await lab.ask('POST', '/v1/notes', { subject: 'study:s', text: 'look' })
  return { lab, given }
}

it('is made while a server goes on, and restored is what it was', async () => {
  const { lab, given } = await fullLab()
  const out = join(temporaryFolder(), 'backup')
  expect(await backupHome(lab.home, out)).toEqual({ files: 2, hasResults: true })
  await lab.ask('POST', '/v1/rows', encodeRows(rows('later', 3)))

  const home = join(temporaryFolder(), 'home')
  await restoreHome(out, home)
  const restored = await testLab({ home })
  const token = lab.tokens.write!
  const action = await restored.ask('GET', `/v1/actions/${given.key}`, undefined, { token })
  expect(await action.json()).toMatchObject({ record: given, origin: { by: 'write' } })
  const asked = await restored.ask('POST', '/v1/sql', { sql: 'select count(*) from curve_point' }, { token })
  expect(await asked.json()).toMatchObject({ rows: [[3]] })
  const notes = await restored.ask('GET', '/v1/notes', undefined, { token })
  expect(await notes.json()).toMatchObject({ notes: [{ text: 'look' }] })
  const cache = await openCache(join(home, 'cache'))
  expect(await verifyCache(cache)).toMatchObject({ clean: true })
  cache.close()
})

it('is made of a home that nobody serves', async () => {
  const { lab } = await fullLab()
  await lab.server.stop()
  const out = join(temporaryFolder(), 'backup')
  expect(await backupHome(lab.home, out)).toEqual({ files: 2, hasResults: true })
  expect(readFileSync(join(out, 'server', 'tokens.json'), 'utf8')).toContain('"admin"')
})

it('does not touch what is there', async () => {
  const home = temporaryFolder()
  await expect(backupHome(home, join(home, 'out'))).rejects.toThrow(/nothing that could be backed up/)
  createToken(home, 'ada', 'read')
  mkdirSync(join(home, 'cache'))
  writeFileSync(join(home, 'cache', 'format.json'), '{"format":1}')
  const out = temporaryFolder()
  await expect(backupHome(home, out)).rejects.toThrow(/exists already/)
  await expect(restoreHome(out, join(out, 'home'))).rejects.toThrow(/is no backup/)
  await expect(restoreHome(home, home)).rejects.toThrow(/holds something already/)
})

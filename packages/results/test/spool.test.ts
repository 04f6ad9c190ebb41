import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { ingestSpool, openResults, recordRows, resultsPath } from '../src/index.ts'
import { tablesOfRows } from '../src/rows.ts'
import { curvePoint, inTemporaryFolder, oneOfEach, studyRun } from './sample-rows.ts'
import { testProgram } from './test-program.ts'

/** Everything in the database of a home folder, as text. */
async function contents(folder: string): Promise<string> {
  const results = await openResults(resultsPath(folder), { readOnly: true })
  const tables: unknown[] = []
  for (const { table } of tablesOfRows) tables.push(await results.query(`from ${table} order by all`))
  await results.close()
  return JSON.stringify(tables, (_, value) => (Number.isNaN(value) ? 'NaN' : value))
}

/** Rows in a spool: a file where the database belongs makes opening fail without a second process. */
async function spoolWithoutDatabase(folder: string, rows = oneOfEach): Promise<string> {
  await writeFile(resultsPath(folder), 'not a database '.repeat(1000))
  const { notices } = await recordRows(folder, rows)
  await rename(resultsPath(folder), join(folder, 'set-aside'))
  const file = /The results wait in (\S+\.json)/.exec(notices.join())?.[1]
  expect(notices).toHaveLength(1)
  return file as string
}

describe('recordRows', () => {
  it('leaves rows in the spool while another process has the file, and the next command takes them in', () =>
    inTemporaryFolder(async (folder) => {
      const holder = fork(testProgram('hold-results'), [resultsPath(folder)])
      await once(holder, 'message')
      const rows = { studyRuns: [studyRun()], curvePoints: [curvePoint({ method: 'ffn', loss: Number.NaN })] }
      const first = await recordRows(folder, rows, { waitMs: 20 })
      const second = await recordRows(folder, rows, { waitMs: 20 })
      expect(second).toEqual(first)
      const [file] = await readdir(join(folder, 'spool'))
      expect(first).toEqual({
        ingested: 0,
        isInUse: true,
        notices: [
          `${resultsPath(folder)} is in use by process ${holder.pid}, after waiting 0.02 s: try again when that has ended. The results wait in ${join(folder, 'spool', file as string)}: the next command takes them in`,
        ],
      })
      const nothing = await recordRows(folder, {}, { waitMs: 20 })
      expect(nothing.notices[0]).toContain(`Results still wait in ${join(folder, 'spool')}`)
      holder.send('close')
      await once(holder, 'exit')
      expect(await recordRows(folder, {})).toEqual({ ingested: 1, notices: [] })
      expect(await readdir(join(folder, 'spool'))).toEqual([])
      const results = await openResults(resultsPath(folder))
      const stored = await results.query(
        'select method, count(*) as n, max(loss) as loss from curve_point group by all order by 1',
      )
      await results.close()
      expect(stored).toEqual([
        { method: 'ffn', n: 1, loss: Number.NaN },
        { method: 'vanilla', n: 3, loss: 6 },
      ])
    }))

  it('gives the same database through the spool as without it, also when a file is ingested twice', () =>
    inTemporaryFolder(async (folder) => {
      const direct = join(folder, 'direct')
      await recordRows(direct, oneOfEach)
      const spooled = join(folder, 'spooled')
      await mkdir(spooled)
      const file = await spoolWithoutDatabase(spooled)
      const content = await readFile(file)
      const results = await openResults(resultsPath(spooled))
      expect(await ingestSpool(results, spooled)).toEqual({ ingested: 1, notices: [] })
      await writeFile(file, content)
      expect(await ingestSpool(results, spooled)).toEqual({ ingested: 1, notices: [] })
      await results.close()
      expect(await contents(spooled)).toBe(await contents(direct))
    }))

  it('puts the rows that come now over those that waited', () =>
    inTemporaryFolder(async (folder) => {
      await spoolWithoutDatabase(folder)
      await recordRows(folder, { studyRuns: [studyRun({ nodesRan: 77 })] })
      const results = await openResults(resultsPath(folder))
      expect(await results.query('select nodes_ran from study_run')).toEqual([{ nodes_ran: 77 }])
      await results.close()
    }))

  it('keeps the spooled file when its rows could not be committed', () =>
    inTemporaryFolder(async (folder) => {
      const file = await spoolWithoutDatabase(folder)
      const results = await openResults(resultsPath(folder))
      await results.query('drop table artifact')
      await expect(ingestSpool(results, folder)).rejects.toThrow('artifact')
      await results.close()
      expect(await readdir(join(folder, 'spool'))).toEqual([basename(file)])
    }))

  it('moves a corrupt file aside, says so, and takes in the others', () =>
    inTemporaryFolder(async (folder) => {
      const good = await spoolWithoutDatabase(folder)
      const bad = join(folder, 'spool', `${'0'.repeat(64)}.json`)
      await writeFile(bad, (await readFile(good, 'utf8')).slice(0, -100))
      const report = await recordRows(folder, {})
      expect(report).toEqual({
        ingested: 1,
        notices: [
          `${bad} was moved aside to ${basename(bad)}.rejected: its content does not match the digest in its name. Run its study again: the results come back from the cache`,
        ],
      })
      expect(await readdir(join(folder, 'spool'))).toEqual([`${basename(bad)}.rejected`])
      expect(await recordRows(folder, {})).toEqual({ ingested: 0, notices: [] })
    }))

  it('says that the rows are nowhere when the spool cannot be written either', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(resultsPath(folder), 'not a database '.repeat(1000))
      await writeFile(join(folder, 'spool'), 'a file in the place of the folder')
      const refused = recordRows(folder, oneOfEach)
      await expect(refused).rejects.toThrow(UserError)
      await expect(refused).rejects.toThrow(
        /^The results could be written neither to the database nor to .*spool \(.*\): free the disk, and run the study again from the cache$/,
      )
    }))

  it('says so on a full disk, and leaves the database as it was', () =>
    inTemporaryFolder(async (folder) => {
      await recordRows(folder, oneOfEach)
      const before = await contents(folder)
      // `ulimit -f` stands for the full disk: a write past it fails.
      const child = spawn('sh', [
        '-c',
        'ulimit -f 2600 && exec "$0" "$@"',
        process.execPath,
        testProgram('record-many-rows'),
        folder,
      ])
      const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
      expect(output).toMatch(
        /^UserError: The results could be written neither to the database nor to .*spool \(EFBIG: file too large.*\): free the disk, and run the study again from the cache$/m,
      )
      expect(await contents(folder)).toBe(before)
      expect(await readdir(join(folder, 'spool'))).toEqual([])
    }))

  it('opens nothing when there is nothing to record', () =>
    inTemporaryFolder(async (folder) => {
      expect(await recordRows(folder, { models: [] })).toEqual({ ingested: 0, notices: [] })
      expect(await readdir(folder)).toEqual([])
    }))
})

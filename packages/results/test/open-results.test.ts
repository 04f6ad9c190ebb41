import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { openResults, ResultsInUseError } from '../src/index.ts'
import { columnName, tablesOfRows } from '../src/rows.ts'
import { curve, curvePoint, inTemporaryFolder, oneOfEach, studyRun } from './sample-rows.ts'
import { testProgram } from './test-program.ts'

describe('openResults', () => {
  it('has the columns and keys that the rows have', () =>
    inTemporaryFolder(async (folder) => {
      const results = await openResults(join(folder, 'results.duckdb'))
      for (const { table, fields, key } of tablesOfRows) {
        const columns = await results.query<{ column_name: string; nullable: boolean }>(
          'select column_name, is_nullable as nullable from duckdb_columns() where table_name = ? order by column_index',
          [table],
        )
        const nullable = columns.filter((column) => column.nullable).map((column) => column.column_name)
        const optional = Object.keys(fields).filter((field) => fields[field]?.endsWith('?'))
        expect(columns.map((column) => column.column_name).sort()).toEqual(Object.keys(fields).map(columnName).sort())
        expect(nullable.sort()).toEqual(optional.map(columnName).sort())
        const keys = await results.query<{ names: string[] }>(
          `select constraint_column_names as names from duckdb_constraints()
           where table_name = ? and constraint_type = 'PRIMARY KEY'`,
          [table],
        )
        expect(keys.map(({ names }) => names)).toEqual([key.map(columnName)])
      }
      await results.close()
    }))

  it('gives back every field of every table, before and after it is opened again', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'results.duckdb')
      const writer = await openResults(path)
      await writer.ingest(oneOfEach)
      await writer.close()
      const reader = await openResults(path, { readOnly: true })
      for (const { list, table, fields } of tablesOfRows) {
        const columns = Object.keys(fields).map((field) => {
          const column = columnName(field)
          return fields[field] === 'json' ? `${column}::varchar as ${column}` : column
        })
        const stored = await reader.query(`select ${columns.join(', ')} from ${table}`)
        const given = oneOfEach[list].map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([field, value]) => {
              const kind = fields[field]
              if (kind === 'json') return [columnName(field), JSON.stringify(value)]
              return [columnName(field), kind === 'timestamp' ? String(value).replace(/0*Z$/, '') : value]
            }),
          ),
        )
        expect(new Set(stored)).toEqual(new Set(given))
      }
      await reader.close()
    }))

  it('changes nothing when the same rows come again, and replaces a row by its key', () =>
    inTemporaryFolder(async (folder) => {
      const results = await openResults(join(folder, 'results.duckdb'))
      const everything = async () => {
        const tables = []
        for (const { table } of tablesOfRows) tables.push(await results.query(`from ${table} order by all`))
        return tables
      }
      await results.ingest(oneOfEach)
      const once = await everything()
      await results.ingest(oneOfEach)
      expect(await everything()).toEqual(once)
      await results.ingest({ studyRuns: [studyRun()], curvePoints: [curvePoint({ loss: 9 }), curvePoint({ loss: 3 })] })
      expect(await results.query('select loss from curve order by lam')).toEqual([
        { loss: 3 },
        { loss: 6 },
        { loss: 3.75 },
      ])
      await results.close()
    }))

  it('shows the curves of the trainings of the run that started last', () =>
    inTemporaryFolder(async (folder) => {
      const results = await openResults(join(folder, 'results.duckdb'))
      const [point] = oneOfEach.trainings
      for (const [run, startedAt, loss] of [
        ['run-2', '2026-02-01T12:00:00.000Z', 5],
        ['run-1', '2026-01-01T12:00:00.000Z', 6],
      ] as const) {
        await results.ingest({
          studyRuns: [studyRun({ run, startedAt })],
          trainings: [
            { ...point!, run, loss },
            { ...point!, run, step: 100, loss: loss - 1, validationLoss: 4.5 },
          ],
        })
      }
      expect(await results.query('select step, loss, validation_loss from training_curve order by step')).toEqual([
        { step: 50, loss: 5, validation_loss: null },
        { step: 100, loss: 4, validation_loss: 4.5 },
      ])
      await results.close()
    }))

  it('inserts nothing of a bundle that fails', () =>
    inTemporaryFolder(async (folder) => {
      const results = await openResults(join(folder, 'results.duckdb'))
      await results.query(`drop table artifact`)
      await expect(results.ingest(oneOfEach)).rejects.toThrow('artifact')
      expect(await results.query('select count(*) as n from curve_point')).toEqual([{ n: 0 }])
      await results.close()
    }))

  it('lets two openings in one process see each other’s rows, and runs their transactions one after the other', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'results.duckdb')
      const [one, two] = await Promise.all([openResults(path), openResults(path)])
      const grid = Array.from({ length: 50 }, (_, index) => [index / 49, 1] as const)
      await Promise.all([
        one.ingest({ studyRuns: [studyRun()], curvePoints: curve(grid) }),
        two.ingest({ studyRuns: [studyRun()], curvePoints: curve(grid) }),
        two.ingest({ studyRuns: [studyRun()], curvePoints: curve(grid, { method: 'ffn' }) }),
      ])
      expect(await one.query('select count(*) as n from curve')).toEqual([{ n: 100 }])
      await two.close()
      expect(await one.query('select count(*) as n from curve')).toEqual([{ n: 100 }])
      await one.close()
      await one.close()
      await expect(one.query('select 1')).rejects.toThrow('was closed')
    }))

  it('makes the file whole or not at all, once for all who open it, and clears away what killed makers left', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'results.duckdb')
      const [old, young] = [`${path}.old.new`, `${path}.young.new`]
      for (const left of [old, young]) await writeFile(left, 'half a header')
      await utimes(old, 0, 0)
      const opened = await Promise.all([openResults(path), openResults(path)])
      await opened[0].ingest({ studyRuns: [studyRun({ run: 'one' })] })
      expect(await opened[1].query('select run from study_run')).toEqual([{ run: 'one' }])
      for (const results of opened) await results.close()
      expect((await readdir(folder)).sort()).toEqual(['results.duckdb', 'results.duckdb.young.new'])
    }))

  it('says who has the file, and opens it when that process was killed, with what it had committed', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'results.duckdb')
      const holder = fork(testProgram('hold-results'), [path])
      await once(holder, 'message')
      const refused = openResults(path, { waitMs: 30 })
      await expect(refused).rejects.toThrow(ResultsInUseError)
      await expect(refused).rejects.toThrow(
        `${path} is in use by process ${holder.pid}, after waiting 0.03 s: try again when that has ended`,
      )
      const waiting = openResults(path, { readOnly: true })
      const ended = once(holder, 'exit')
      holder.kill('SIGKILL')
      await ended
      const results = await waiting
      expect(await results.query('select count(*) as n from curve_point')).toEqual([{ n: 3 }])
      await results.close()
    }))

  it('refuses a missing file and a file of something else, and says what to do', () =>
    inTemporaryFolder(async (folder) => {
      const missing = join(folder, 'missing.duckdb')
      await expect(openResults(missing, { readOnly: true })).rejects.toThrow(
        new UserError(`There are no results at ${missing} yet: run a study first, e.g. isthmus run quickstart`),
      )
      expect(existsSync(missing)).toBe(false)
      const text = join(folder, 'text.duckdb')
      await writeFile(text, 'not a database '.repeat(1000))
      await expect(openResults(text)).rejects.toThrow(
        `${text} is not a DuckDB file that this version reads: move it away, and the next run rebuilds it from the cache`,
      )
      await expect(openResults(join(text, 'results.duckdb'))).rejects.toThrow(
        /^The folder .*text\.duckdb for results cannot be made \(EEXIST: .*\): choose another with ISTHMUS_HOME$/,
      )
    }))
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { encodeRows, openResults, type Results, schemaVersion } from '../src/index.ts'
import { oldestVersion } from '../src/migrations.ts'
import { tablesOfRows } from '../src/rows.ts'
import { decodeRows } from '../src/rows-json.ts'
import { inTemporaryFolder, oneOfEach } from './sample-rows.ts'

/** Versions before this one, each with a fixture: what its code wrote, as SQL. */
const olderVersions = Array.from({ length: schemaVersion - oldestVersion }, (_, index) => oldestVersion + index)

/** All statements of a schema, and what it says of its columns. */
const schemaQueries = [
  `select schema_name, table_name, sql, comment from duckdb_tables() where not internal and not temporary order by all`,
  `select view_name, sql, comment from duckdb_views() where not internal order by all`,
  `select table_name, column_name, data_type, is_nullable, column_default, comment
   from duckdb_columns() where not internal order by all`,
  `select table_name, constraint_type, constraint_text from duckdb_constraints() order by all`,
  `select function_name, macro_definition from duckdb_functions() where not internal order by all`,
  'select * from schema_version',
  'select * from published order by all',
]

async function oldFile(folder: string, version: number): Promise<string> {
  const path = join(folder, `version-${version}.duckdb`)
  await onFile(path, await readFile(new URL(`./fixtures/schema-${version}.sql`, import.meta.url), 'utf8'))
  return path
}

/** Run statements on a file as it is; the rows of the last. */
async function onFile(path: string, sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  const rows = (await connection.runAndReadAll(sql)).getRowsJson()
  connection.closeSync()
  instance.closeSync()
  return rows
}

async function answers(results: Results, queries: readonly string[]): Promise<string> {
  const answered: unknown[] = []
  for (const query of queries) answered.push(await results.query(query))
  return JSON.stringify(answered, (_, value) => (Number.isNaN(value) ? 'NaN' : value), 1)
}

describe.each(olderVersions)('a file of version %i', (version) => {
  const lists = tablesOfRows.filter(({ table }) => version > 4 || table !== 'estimate')
  const dataQueries = [
    ...lists.map(({ table }) => `from ${table} order by all`),
    ...['curve', 'barrier', 'leaderboard', 'curve_shape', 'task_score'].map((view) => `from ${view} order by all`),
  ]

  it('is upgraded where it lies: the schema of a new file, the rows that it had', () =>
    inTemporaryFolder(async (folder) => {
      const upgraded = await openResults(await oldFile(folder, version))
      const fresh = await openResults(join(folder, 'fresh.duckdb'))
      const rows = Object.fromEntries(lists.map(({ list }) => [list, oneOfEach[list]]))
      await fresh.ingest(rows)
      expect(await answers(upgraded, schemaQueries)).toBe(await answers(fresh, schemaQueries))
      const before = await answers(upgraded, dataQueries)
      expect(before).toBe(await answers(fresh, dataQueries))
      expect(await upgraded.query('select count(*)::integer as n from curve_point')).toEqual([{ n: 3 }])
      await upgraded.ingest(oneOfEach)
      expect(await upgraded.query('select count(*)::integer as n from estimate')).toEqual([{ n: 1 }])
      await upgraded.close()
      await fresh.close()
    }))

  it('is upgraded for who only reads it, once', () =>
    inTemporaryFolder(async (folder) => {
      const path = await oldFile(folder, version)
      for (let time = 0; time < 2; time++) {
        const results = await openResults(path, { readOnly: true })
        expect(await results.query('from schema_version')).toEqual([{ version: schemaVersion }])
        expect(await results.query('select study, pairs from leaderboard')).toEqual([{ study: 'heads', pairs: 1 }])
        await results.close()
      }
    }))

  it('stays as it was when the upgrade fails', () =>
    inTemporaryFolder(async (folder) => {
      const path = await oldFile(folder, version)
      await onFile(path, 'create schema lab')
      await expect(openResults(path)).rejects.toThrow('lab')
      const found = await onFile(path, 'select version, (select count(*) from barrier) from schema_version')
      expect(found).toEqual([[version, '1']])
    }))
})

describe('versions', () => {
  it.each([
    [oldestVersion - 1, 'delete the file, and the next run rebuilds it from the cache'],
    [schemaVersion + 1, 'use a newer isthmus'],
  ])('of which %i is refused: %s', (version, next) =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'results.duckdb')
      const results = await openResults(path)
      await results.write(`update schema_version set version = ${version}`)
      await results.close()
      for (const readOnly of [false, true]) {
        await expect(openResults(path, { readOnly })).rejects.toThrow(
          new UserError(`${path} has schema version ${version}, expected version ${schemaVersion}: ${next}`),
        )
      }
    }),
  )

  it('of rows are taken from the oldest on, and from no newer one', () => {
    const { estimates: _none, ...rows } = oneOfEach
    const encoded = (version: unknown) => ({ ...JSON.parse(encodeRows(rows)), schemaVersion: version })
    for (let version = oldestVersion; version <= schemaVersion; version++) {
      expect(decodeRows(encoded(version))).toEqual(rows)
    }
    for (const version of [oldestVersion - 1, schemaVersion + 1, 4.5, '5', null]) {
      expect(() => decodeRows(encoded(version))).toThrow(
        `it has schema version ${version}, expected ${oldestVersion} to ${schemaVersion}`,
      )
    }
  })
})

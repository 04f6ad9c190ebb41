import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runSmall, temporaryFolder, workspace } from './run-isthmus.ts'

let home: string

beforeAll(() => {
  home = temporaryFolder()
})

afterAll(() => rmSync(home, { recursive: true }))

const datasets = join(workspace, 'datasets')

/** Write rows of a title and a text as parquet. */
async function writeParquet(path: string, rows: readonly (readonly [string, string])[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run('create table t (title varchar, text varchar)')
  const appender = await connection.createAppender('t')
  for (const row of rows) {
    for (const value of row) appender.appendVarchar(value)
    appender.endRow()
  }
  appender.closeSync()
  await connection.run(`copy t to '${path}' (format parquet)`)
  connection.closeSync()
  instance.closeSync()
}

it('gives the leaderboard of the text files from parquet', async () => {
  const genres = readdirSync(join(datasets, 'books'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const names = genres.flatMap(({ name }) =>
    readdirSync(join(datasets, 'books', name)).map((book) => `${name}/${book}`),
  )
  const books = join(home, 'books.parquet')
  await writeParquet(
    books,
    names.map((name) => [name, readFileSync(join(datasets, 'books', name), 'utf8')]),
  )
  const lines = readFileSync(join(datasets, 'wiki/wiki.valid.raw'), 'utf8').split('\n')
  const wikitext = join(home, 'wiki.parquet')
  await writeParquet(
    wikitext,
    lines.map((line) => ['', line]),
  )
  const text = await runSmall(home)
  expect(text.code).toBe(0)
  const parquet = await runSmall(home, `books=${books}`, `wikitext=${wikitext}`)
  expect(parquet.code).toBe(0)
  expect(withoutSeconds(parquet.stdout)).toBe(withoutSeconds(text.stdout))
  // The blocks alone, the tokens being there from planning: all that follows has the same inputs, byte by byte.
  expect(parquet.stderr).toMatch(/steps: 1 computed, 12 from the cache/)
}, 60_000)

/** A leaderboard without the times that it took. */
function withoutSeconds(board: string): string {
  return board.replaceAll(/[\d.]+ +│ +(\d+) │$/gm, '$1')
}

it('says in one sentence what is wrong with the columns', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const path = join(home, 'sentences.parquet')
  await connection.run(`copy (select 'a' as sentence) to '${path}' (format parquet)`)
  connection.closeSync()
  instance.closeSync()
  const { code, stderr } = await runSmall(home, `wikitext=${path}`)
  expect(code).toBe(2)
  expect(stderr).toMatch(
    /failed: .*sentences\.parquet has no column 'text' of type VARCHAR, but sentence \(VARCHAR\); rename or convert the column\n {2}again, by itself: npx isthmus run quickstart .* --only key:[0-9a-f]+ --foreground\n$/,
  )
})

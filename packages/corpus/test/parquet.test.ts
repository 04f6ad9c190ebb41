import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  listBooks,
  listWikiText,
  openTokenizer,
  readWikiRows,
  readWikiText,
  releasedCodeBlocks,
  sampleBooks,
  tokenBlocks,
} from '../src/index.ts'
import { datasetPath } from './shipped-data.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-'))
})

afterAll(() => rm(folder, { recursive: true }))

/** Write a table as parquet by DuckDB. */
async function writeParquet(path: string, columns: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const names = Object.keys(columns)
  await connection.run(`create table t (${names.map((name) => `${name} varchar`).join(', ')})`)
  const appender = await connection.createAppender('t')
  for (const [row] of columns[names[0]!]!.entries()) {
    for (const name of names) appender.appendVarchar(columns[name]![row]!)
    appender.endRow()
  }
  appender.closeSync()
  await connection.run(`copy t to '${path}' (format parquet, row_group_size 2048)`)
  connection.closeSync()
  instance.closeSync()
}

/** Write what a query gives as parquet. */
async function writeQuery(path: string, query: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`copy (${query}) to '${path}' (format parquet, row_group_size 20000)`)
  connection.closeSync()
  instance.closeSync()
}

async function newFolder(name: string): Promise<string> {
  await mkdir(join(folder, name), { recursive: true })
  return join(folder, name)
}

/** A text as the hub stores WikiText: one row a line with its line break, and blank lines as empty rows. */
function hubRows(text: string): string[] {
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n')
  return lines.map((line) => (line.trim() === '' ? '' : `${line}\n`))
}

describe('WikiText as parquet', () => {
  const raw = datasetPath('wiki/wiki.valid.raw')

  it('gives the blocks of the raw text, bit for bit, from one file and from shards, by either protocol', async () => {
    const rows = hubRows(await readFile(raw, 'utf8'))
    const single = join(folder, "wiki's [1] valid.parquet")
    await writeParquet(join(folder, 'x.parquet'), { text: rows })
    await writeFile(single, await readFile(join(folder, 'x.parquet')))
    const shards = await newFolder('wiki')
    for (const [index, [from, to]] of (
      [
        [0, 7],
        [7, 1200],
        [1200, rows.length],
      ] as const
    ).entries()) {
      await writeParquet(join(shards, `validation-0000${index}-of-00003.parquet`), { text: rows.slice(from, to) })
    }
    const tokenizer = await openTokenizer(datasetPath('models/seed-1'))
    const cut = async (path: string) => {
      const files = await listWikiText(path)
      const clean = tokenBlocks(await readWikiText(files), tokenizer, { name: 'text' })
      const released = releasedCodeBlocks(await readWikiRows(files), tokenizer, { name: 'text' })
      return [clean, released].map(({ shape, data }) => `${shape} ${createHash('sha256').update(data).digest('hex')}`)
    }
    const expected = await cut(raw)
    expect(expected).toEqual([expect.stringMatching('^487,128 '), expect.stringMatching('^1417,128 ')])
    expect(await cut(single)).toEqual(expected)
    expect(await cut(shards)).toEqual(expected)
  })

  it('is listed by number, so that names do not matter', async () => {
    const shards = await newFolder('named')
    for (const name of ['b.parquet', 'a.PARQUET', '.c.parquet', 'notes.txt']) await writeFile(join(shards, name), '')
    expect(await listWikiText(shards)).toEqual({
      'part-00000.parquet': join(shards, 'a.PARQUET'),
      'part-00001.parquet': join(shards, 'b.parquet'),
    })
    expect(await listWikiText(raw)).toEqual({ text: raw })
  })

  it('says that a folder holds no table, several, or not all of one', async () => {
    const bare = await newFolder('bare')
    await expect(listWikiText(bare)).rejects.toThrow(
      `the text ${bare} is a folder without .parquet files; give the path of a raw text file, such as wiki.valid.raw, ` +
        'or of a folder of parquet shards',
    )
    const several = await newFolder('several')
    for (const split of ['test', 'validation']) await writeFile(join(several, `${split}-00000-of-00001.parquet`), '')
    await expect(listWikiText(several)).rejects.toThrow(
      `${several} holds parquet files of several tables (test-00000-of-00001.parquet, ` +
        'validation-00000-of-00001.parquet); give the path of one file, or of a folder that holds the shards of one table',
    )
    const missing = await newFolder('missing')
    await writeFile(join(missing, 'train-00001-of-00002.parquet'), '')
    await expect(listWikiText(missing)).rejects.toThrow(
      `${missing} holds 1 of the 2 shards of a table; add the missing ones`,
    )
  })

  it('says what is wrong with a file', async () => {
    const other = join(folder, 'other.parquet')
    await writeParquet(other, { sentence: ['a'], title: ['b'] })
    await expect(readWikiText(await listWikiText(other))).rejects.toThrow(
      `${other} has no column 'text' of type VARCHAR, but sentence (VARCHAR), title (VARCHAR); rename or convert the column`,
    )
    const whole = join(folder, 'whole.parquet')
    await writeQuery(
      whole,
      "select 'title ' || (i // 10) as title, repeat(md5(i::varchar), 3) as text from range(200000) t(i)",
    )
    const bytes = await readFile(whole)
    const short = join(folder, 'short.parquet')
    await writeFile(short, bytes.subarray(0, bytes.length - 100))
    await expect(readWikiText(await listWikiText(short))).rejects.toThrow(
      `${short} cannot be read as parquet: Invalid Input Error: No magic bytes found at end of file '${short}'; ` +
        'check the path, or download the file again',
    )
    const damaged = join(folder, 'damaged.parquet')
    await writeFile(damaged, Buffer.from(bytes).fill(0x5a, bytes.length >> 1, (bytes.length >> 1) + 5000))
    // DuckDB tells of damage in what it has read ahead; past that, the stream ends early.
    const sentence =
      /is damaged: (?:Invalid Input Error: .+|only \d+ of its 200000 rows can be read); download it again$/
    await expect(readWikiText(await listWikiText(damaged))).rejects.toThrow(sentence)
    await writeFile(damaged, Buffer.from(bytes).fill(0x5a, 100, 5000))
    await expect(readWikiText(await listWikiText(damaged))).rejects.toThrow(sentence)
    const none = join(folder, 'none.parquet')
    await writeFile(none, '')
    await expect(readWikiText(await listWikiText(none))).rejects.toThrow(`${none} cannot be read as parquet: `)
    await expect(readWikiText(await listWikiText(join(folder, 'absent.parquet')))).rejects.toThrow(
      /absent\.parquet cannot be read as parquet: /,
    )
  })

  it('takes a missing value for an empty line, and columns that are not text for nothing', async () => {
    const path = join(folder, 'null.parquet')
    await writeQuery(path, "select 7 as title, unnest(['a', null, 'b']) as text")
    expect(await readWikiRows(await listWikiText(path))).toEqual(['a', '', 'b'])
  })
})

describe('books as parquet', () => {
  const options = { seed: 3, linesPerBook: 20, fraction: 0.5 }

  it('gives the sample of the text files of the same names, whether a row is a book or a line', async () => {
    const texts = await listBooks(datasetPath('books'))
    const names = Object.keys(texts).filter((_, i) => i % 40 === 0)
    const contents = await Promise.all(names.map((name) => readFile(texts[name]!, 'utf8')))
    const expected = await sampleBooks(Object.fromEntries(names.map((name) => [name, texts[name]!])), options)
    expect(expected.lines.length).toBeGreaterThan(60)
    const whole = join(folder, 'bookcorpusopen.parquet')
    await writeParquet(whole, { title: names, text: contents })
    expect(await sampleBooks(await listBooks(whole), options)).toEqual(expected)
    const rows = names.flatMap((name, i) => contents[i]!.split('\n').map((line) => [name, `${line}\n`] as const))
    const lines = await newFolder('books-by-line')
    for (const [shard, [from, to]] of (
      [
        [0, 3001],
        [3001, rows.length],
      ] as const
    ).entries()) {
      const part = rows.slice(from, to)
      const [book, text] = [part.map(([name]) => name), part.map(([, line]) => line)]
      await writeParquet(join(lines, `train-0000${shard}-of-00002.parquet`), { text, book })
    }
    expect(await sampleBooks(await listBooks(lines), options)).toEqual(expected)
  })

  it('takes runs of rows for books where none is named, over shards, and skips a short end', async () => {
    const shards = await newFolder('bookcorpus')
    const sentence = (i: number) => `sentence ${i}`
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => sentence(from + i))
    await writeParquet(join(shards, 'train-00000-of-00002.parquet'), { text: range(0, 70) })
    await writeParquet(join(shards, 'train-00001-of-00002.parquet'), { text: range(70, 230) })
    const books = await listBooks(shards)
    const sample = await sampleBooks(books, { seed: 1, linesPerBook: 40, fraction: 1, rowsPerBook: 50 })
    expect(sample.skipped).toEqual([{ book: 'rows 201 to 250', lines: 30 }])
    expect(sample.sampledLines).toBe(160)
    for (const { book, line, text } of sample.lines) {
      const [, first] = /^rows (\d+) to \d+$/.exec(book)!
      expect(text).toBe(sentence(Number(first) - 1 + line - 1))
    }
    expect(new Set(sample.lines.map(({ text }) => text)).size).toBe(160)
    await expect(sampleBooks(books, { seed: 1, linesPerBook: 300 })).rejects.toThrow(
      'none of the 1 books has 300 non-empty lines: the longest, rows 1 to 6704, has 230; add longer books or lower',
    )
  })

  it('keeps books of one title apart', async () => {
    const path = join(folder, 'titles.parquet')
    await writeParquet(path, { title: ['a', 'b', 'a'], text: ['x\ny', 'z', 'u\nv'] })
    const sample = await sampleBooks(await listBooks(path), { seed: 1, linesPerBook: 2, fraction: 1 })
    expect(sample.lines.map(({ book, text }) => `${book}: ${text}`).sort()).toEqual([
      'a (2): u',
      'a (2): v',
      'a: x',
      'a: y',
    ])
    expect(sample.skipped).toEqual([{ book: 'b', lines: 1 }])
  })

  it('says that there is nothing, that shards differ, and that a text file is no folder', async () => {
    const empty = join(folder, 'empty.parquet')
    await writeParquet(empty, { text: [] })
    await expect(sampleBooks(await listBooks(empty), options)).rejects.toThrow(
      'there are 0 books to sample; give at least one {genre}/{book}.txt, or a .parquet file that has rows',
    )
    const shards = await newFolder('differ')
    const [a, b] = [join(shards, 'a.parquet'), join(shards, 'b.parquet')]
    await writeParquet(a, { title: ['a'], text: ['x'] })
    await writeParquet(b, { text: ['x'] })
    await expect(sampleBooks(await listBooks(shards), options)).rejects.toThrow(
      `${b} has no column that names a book, but ${a} has the column 'title': shards of one table have the same ` +
        'columns; give those of one table',
    )
    const text = join(folder, 'book.txt')
    await writeFile(text, 'text')
    await expect(listBooks(text)).rejects.toThrow(
      `the books ${text} are a file: expected a folder of {genre}/{book}.txt, a .parquet file or a folder of them; ` +
        'put the text into a folder named for its genre, and give the folder above that',
    )
  })
})

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BookLine, listBooks, sampleBooks } from '../src/index.ts'

let folder: string
const text = (name: string, lines: number) => Array.from({ length: lines }, (_, i) => `${name} ${i}`).join('\n \n')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'books-'))
  for (const genre of ['verse', 'novels', 'none']) await mkdir(join(folder, genre))
  await writeFile(join(folder, 'verse', 'short.txt'), text('short', 9))
  await writeFile(join(folder, 'verse', 'long.txt'), text('long', 40))
  await writeFile(join(folder, 'novels', 'b.txt'), `\uFEFF${text('b', 25).replaceAll('\n', '\r\n')}\r\n`)
  await writeFile(join(folder, 'novels', 'a.txt'), text('a', 10))
  await writeFile(join(folder, 'novels', '.hidden.txt'), text('hidden', 50))
  await writeFile(join(folder, 'novels', 'notes.md'), text('notes', 50))
  await writeFile(join(folder, 'loose.txt'), text('loose', 50))
})

afterAll(() => rm(folder, { recursive: true }))

const key = ({ book, line, text }: BookLine) => `${book}:${line}:${text}`

describe('listBooks', () => {
  it('lists {genre}/{book}.txt by name and nothing else', async () => {
    expect(await listBooks(folder)).toEqual({
      'novels/a.txt': join(folder, 'novels', 'a.txt'),
      'novels/b.txt': join(folder, 'novels', 'b.txt'),
      'verse/long.txt': join(folder, 'verse', 'long.txt'),
      'verse/short.txt': join(folder, 'verse', 'short.txt'),
    })
  })

  it('says what a folder without books holds', async () => {
    const genre = join(folder, 'novels')
    await expect(listBooks(genre)).rejects.toThrow(
      new UserError(
        `${genre} holds no books: expected files {genre}/{book}.txt, found 0 folders without any and 2 .txt files ` +
          'directly in it; put each book in a folder named for its genre',
      ),
    )
    await expect(listBooks(join(folder, 'absent'))).rejects.toThrow(
      /cannot read the folder of books .*absent: ENOENT.*; check the path/,
    )
  })
})

describe('sampleBooks', () => {
  it('draws distinct non-empty lines of each long enough book, with their numbers', async () => {
    const sample = await sampleBooks(await listBooks(folder), { seed: 1, linesPerBook: 10, fraction: 1 })
    expect(sample.sampledLines).toBe(30)
    expect(sample.skipped).toEqual([{ book: 'verse/short.txt', lines: 9 }])
    expect(new Set(sample.lines.map(key)).size).toBe(30)
    for (const { book, line, text } of sample.lines) {
      const name = book.replace(/^.*\/(.*)\.txt$/, '$1')
      expect(text).toBe(`${name} ${(line - 1) / 2}`)
    }
    for (const name of ['novels/a.txt', 'novels/b.txt', 'verse/long.txt']) {
      expect(sample.lines.filter(({ book }) => book === name)).toHaveLength(10)
    }
  })

  it('draws a book the same whatever other books there are and in whatever order', async () => {
    const books = await listBooks(folder)
    const options = { seed: 5, linesPerBook: 10, fraction: 1 }
    const all = await sampleBooks(books, options)
    const reversed = await sampleBooks(Object.fromEntries(Object.entries(books).reverse()), options)
    const one = await sampleBooks({ 'novels/b.txt': books['novels/b.txt']! }, options)
    expect(reversed).toEqual(all)
    expect(one.lines).toEqual(all.lines.filter(({ book }) => book === 'novels/b.txt'))
  })

  it('gives prefixes for smaller fractions, rounded up', async () => {
    const books = await listBooks(folder)
    const take = (fraction: number) => sampleBooks(books, { seed: 2, linesPerBook: 10, fraction })
    const whole = (await take(1)).lines
    for (const [fraction, lines] of [
      [0.001, 1],
      [0.1, 3],
      [0.11, 4],
      [0.7, 21],
    ] as const) {
      expect((await take(fraction)).lines).toEqual(whole.slice(0, lines))
    }
    expect((await sampleBooks(books, { seed: 2, linesPerBook: 10 })).lines).toHaveLength(3)
    const fifty = { seed: 2, linesPerBook: 25, fraction: 0.14 }
    expect(fifty.fraction * 50).toBeGreaterThan(7)
    expect((await sampleBooks(books, fifty)).lines).toHaveLength(7)
  })

  it('mixes the books and depends on the seed', async () => {
    const books = await listBooks(folder)
    const [a, b] = await Promise.all([3, 4].map((seed) => sampleBooks(books, { seed, linesPerBook: 10, fraction: 1 })))
    expect(a!.lines.map(key)).not.toEqual(b!.lines.map(key))
    expect(new Set(a!.lines.slice(0, 10).map(({ book }) => book)).size).toBe(3)
  })

  it('says how long the longest book is when none is long enough', async () => {
    await expect(sampleBooks(await listBooks(folder), { seed: 1 })).rejects.toThrow(
      new UserError(
        'none of the 4 books has 100 non-empty lines: the longest, verse/long.txt, has 40; ' +
          'add longer books or lower linesPerBook',
      ),
    )
    await expect(sampleBooks({}, { seed: 1 })).rejects.toThrow(
      new UserError(
        'there are 0 books to sample; give at least one {genre}/{book}.txt, or a .parquet file that has rows',
      ),
    )
  })

  it('names the option, or the book, that is wrong', async () => {
    const books = await listBooks(folder)
    await expect(sampleBooks(books, { seed: 1, fraction: 0 })).rejects.toThrow(
      'fraction must be a number from 0.001 to 1, but it is 0',
    )
    await expect(sampleBooks(books, { seed: 1, linesPerBook: 1.5 })).rejects.toThrow(
      'linesPerBook must be a whole number of at least 1, but it is 1.5',
    )
    await expect(sampleBooks({ 'g/gone.txt': join(folder, 'gone') }, { seed: 1 })).rejects.toThrow(
      /cannot read the text g\/gone.txt: ENOENT/,
    )
    await writeFile(join(folder, 'latin1'), Buffer.from([0x63, 0x61, 0x66, 0xe9]))
    await expect(sampleBooks({ 'g/latin1.txt': join(folder, 'latin1') }, { seed: 1 })).rejects.toThrow(
      'the text g/latin1.txt is not UTF-8; convert it, e.g. with iconv -t utf-8',
    )
  })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  maskTokens,
  openTokenizer,
  pretrainingBlocks,
  readTokenStream,
  type Tokenizer,
  tokenStream,
  trainingParagraphs,
  writeTokenStream,
} from '../src/index.ts'
import { datasetPath } from './shipped-data.ts'

const frame = { file: 'vocab.txt', clsId: -1, sepId: -2 }
/** Ids that are their places. */
const places = (length: number) => Int32Array.from({ length }, (_, i) => i)
const sizes = fc.record({
  length: fc.integer({ min: 4, max: 200 }),
  blockLength: fc.integer({ min: 3, max: 6 }),
  blocksPerStep: fc.integer({ min: 1, max: 9 }),
  seed: fc.nat(),
})

/** Blocks of the steps from 0 on, as lists of ids. */
function readBlocks(of: (step: number) => { shape: readonly number[]; data: Int32Array }, steps: number): number[][] {
  return Array.from({ length: steps }, (_, step) => of(step)).flatMap(({ shape: [count, size], data }) =>
    Array.from({ length: count! }, (_, i) => [...data.subarray(i * size!, (i + 1) * size!)]),
  )
}

describe('pretrainingBlocks', () => {
  it('reads each place of the text at most once a pass, in blocks of neighbours between [CLS] and [SEP]', () =>
    expect(
      fc.assert(
        fc.property(sizes, ({ length, ...options }) => {
          const room = options.blockLength - 2
          const blocks = readBlocks(pretrainingBlocks(places(length), { tokenizer: frame, ...options }), 30)
          for (const [cls, ...rest] of blocks) {
            expect([cls, rest.at(-1)]).toEqual([-1, -2])
            const [first] = rest
            expect(rest.slice(0, -1)).toEqual(Array.from({ length: room }, (_, i) => first! + i))
          }
          const perPass = Math.floor((length - Math.min(room, length - room + 1) + 1) / room)
          const pass = blocks.slice(0, perPass).map((block) => block[1]!)
          expect(new Set(pass.map((first) => first % room)).size).toBe(1)
          expect(new Set(pass).size).toBe(pass.length)
          expect(Math.max(...pass) + room).toBeLessThanOrEqual(length)
          // What a pass leaves out is less than a block at each end.
          expect(length - perPass * room).toBeLessThan(2 * room)
        }),
      ),
    ).toBeUndefined())

  it('gives the blocks of any step without those before', () =>
    expect(
      fc.assert(
        fc.property(sizes, fc.array(fc.nat({ max: 40 })), ({ length, ...options }, steps) => {
          const open = () => pretrainingBlocks(places(length), { tokenizer: frame, ...options })
          const inOrder = open()
          const all = Array.from({ length: 41 }, (_, step) => inOrder(step))
          const jumping = open()
          for (const step of steps) expect(jumping(step)).toEqual(all[step])
        }),
      ),
    ).toBeUndefined())

  it('begins each pass at another offset and in another order', () => {
    const options = { tokenizer: frame, blockLength: 12, blocksPerStep: 19, seed: 0 }
    const of = pretrainingBlocks(places(200), options)
    const passes = [0, 1, 2, 3, 4, 5].map((step) => readBlocks(() => of(step), 1).map((block) => block[1]!))
    expect(new Set(passes.map(([first]) => first! % 10)).size).toBeGreaterThan(2)
    expect(new Set(passes.map((pass) => JSON.stringify(pass.map((first) => Math.floor(first / 10))))).size).toBe(6)
  })

  it.each([
    [3, 5, 'the training text has 3 tokens, but one block of 5 needs 3 beside [CLS] and [SEP]', false],
    [2, 5, 'the training text has 2 tokens, but one block of 5 needs 3 beside [CLS] and [SEP]', true],
    [9, 2, 'a block must have a whole number of at least 3 tokens ([CLS], a token and [SEP]), but it has 2', true],
  ])('of %d tokens in blocks of %d', (length, blockLength, sentence, isRefused) => {
    const options = { tokenizer: frame, blockLength, blocksPerStep: 1, seed: 0 }
    if (isRefused) expect(() => pretrainingBlocks(places(length), options)).toThrow(sentence)
    else expect([...pretrainingBlocks(places(length), options)(0).data]).toEqual([-1, 0, 1, 2, -2])
  })
})

describe('maskTokens for training', () => {
  it('draws other masks for another purpose', () => {
    const tokenizer = { ...frame, vocabSize: 20, specialIds: new Set([0]), maskId: 0, vocabularyDigest: '' }
    const blocks = { shape: [4, 16], data: new Int32Array(64).fill(7) }
    const masksOf = (...purpose: (string | number)[]) => maskTokens(blocks, { tokenizer, seed: 1, purpose }).labels
    expect(masksOf('step', 1)).toEqual(masksOf('step', 1))
    expect(masksOf('step', 1)).not.toEqual(masksOf('step', 2))
    expect(masksOf()).toEqual(maskTokens(blocks, { tokenizer, seed: 1 }).labels)
  })
})

describe('a stream of tokens', () => {
  let folder: string
  let tokenizer: Tokenizer

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isthmus-corpus-'))
    tokenizer = await openTokenizer(datasetPath('models/seed-1'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is the tokens of all paragraphs, and comes back from its file', async () => {
    const paragraphs = Array.from({ length: 9000 }, (_, i) => `Paragraph ${i} of the text.`)
    const stream = await tokenStream(paragraphs, tokenizer)
    expect([...stream.ids]).toEqual(paragraphs.flatMap((paragraph) => tokenizer.encode(paragraph)))
    const path = join(folder, 'stream.arrow')
    await writeTokenStream(path, stream)
    expect(await readTokenStream(path)).toEqual(stream)
    await expect(readTokenStream(join(folder, 'none'))).rejects.toThrow(UserError)
  })

  it('has the books in the order of their names, then the WikiText', async () => {
    const [last, first, wiki] = ['b.txt', 'a.txt', 'wiki'].map((name) => join(folder, name)) as [string, string, string]
    await writeFile(last, 'two\n\nthree\n')
    await writeFile(first, 'one')
    await writeFile(wiki, ' = Title = \n\nfour\n')
    const read = async (books: Record<string, string>, wikitext: Record<string, string>) => {
      const paragraphs: string[] = []
      for await (const paragraph of trainingParagraphs({ books, wikitext })) paragraphs.push(paragraph)
      return paragraphs
    }
    const books = { 'novels/b.txt': last, 'novels/a.txt': first }
    expect(await read(books, { text: wiki })).toEqual(['one', 'two', 'three', '= Title =', 'four'])
    expect(await read({}, { text: wiki })).toEqual(['= Title =', 'four'])
    expect(await read(books, {})).toEqual(['one', 'two', 'three'])
  })
})

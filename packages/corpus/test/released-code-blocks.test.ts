import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTokenizer, readWikiRows, releasedCodeBlocks, type Tokenizer } from '../src/index.ts'
import { datasetPath } from './shipped-data.ts'

let tokenizer: Tokenizer
beforeAll(async () => {
  tokenizer = await openTokenizer(datasetPath('models/seed-1'))
})

/** The description, written down slowly: four processes, batches of 1,000 rows, one list of tokens a batch. */
function describedBlocks(rows: readonly string[], blockSize: number): number[][] {
  const shares: string[][] = [[], [], [], []]
  const sizes = shares.map((_, process) => Math.floor((rows.length + 3 - process) / 4))
  let process = 0
  for (const row of rows) {
    while (shares[process]!.length === sizes[process]) process++
    shares[process]!.push(row)
  }
  const known = new Map<string, number[]>()
  const blocks: number[][] = []
  for (const share of shares) {
    for (let left = share; left.length > 0; left = left.slice(1000)) {
      let block: number[] = []
      const push = (token: number) => {
        block.push(token)
        if (block.length < blockSize) return
        blocks.push(block)
        block = []
      }
      for (const row of left.slice(0, 1000)) {
        push(2)
        for (const character of row) {
          const tokens = known.get(character) ?? tokenizer.encode(character)
          known.set(character, tokens)
          for (const token of tokens) push(token)
        }
        push(3)
      }
    }
  }
  return blocks
}

const rowsOf = ({ shape, data }: { shape: readonly number[]; data: Int32Array }) =>
  Array.from({ length: shape[0]! }, (_, i) => [...data.subarray(i * shape[1]!, (i + 1) * shape[1]!)])

describe('releasedCodeBlocks', () => {
  it('takes each character for a word, and keeps the special tokens of every row, the empty ones too', () => {
    const id = (text: string) => tokenizer.encode(text)[0]!
    const blocks = releasedCodeBlocks(['Ab é', '', '', '', 'a'], tokenizer, { name: 'text', blockSize: 4 })
    // The first of the four processes has two rows: [CLS] a b e [SEP] [CLS] [SEP], of which one block is cut.
    expect(rowsOf(blocks)).toEqual([[2, id('a'), id('b'), id('e')]])
    const shorter = releasedCodeBlocks(['ab', '', '', '', 'a'], tokenizer, { name: 'text', blockSize: 2 })
    expect(rowsOf(shorter)).toEqual([
      [2, id('a')],
      [id('b'), 3],
      [2, 3],
      [2, 3],
      [2, 3],
      [2, id('a')],
    ])
  })

  it('is what the description gives, on any rows', () => {
    const row = fc.oneof(fc.constant(''), fc.string({ unit: 'binary', maxLength: 12 }), fc.lorem({ maxCount: 4 }))
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 25 }), fc.integer({ min: 1, max: 9 }), (rows, blockSize) => {
        const expected = describedBlocks(rows, blockSize)
        fc.pre(expected.length > 0)
        expect(rowsOf(releasedCodeBlocks(rows, tokenizer, { name: 'text', blockSize }))).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  it('is what the description gives on the shipped text, and on one of more than 4,000 rows', async () => {
    const rows = await readWikiRows(datasetPath('wiki/wiki.valid.raw'))
    expect(rows).toHaveLength(1555)
    const blocks = releasedCodeBlocks(rows, tokenizer, { name: 'wiki.valid.raw' })
    expect(blocks.shape).toEqual([1417, 128])
    expect(rowsOf(blocks)).toEqual(describedBlocks(rows, 128))
    const many = Array.from({ length: 4203 }, (_, i) => 'abc'.slice(i % 4))
    expect(rowsOf(releasedCodeBlocks(many, tokenizer, { name: 'many' }))).toEqual(describedBlocks(many, 128))
  })

  it('says that a text is too short, and that a block must have a size', () => {
    expect(() => releasedCodeBlocks(['', 'the of'], tokenizer, { name: 'wiki' })).toThrow(
      new UserError(
        'the text wiki has at most 7 characters and special tokens in a batch of rows, but one block needs 128; ' +
          'give a longer text or a smaller blockSize',
      ),
    )
    expect(() => releasedCodeBlocks(['a'], tokenizer, { name: 'wiki', blockSize: 0 })).toThrow(
      'blockSize must be a whole number of at least 1, but it is 0',
    )
  })
})

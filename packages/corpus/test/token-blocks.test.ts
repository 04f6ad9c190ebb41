import { UserError } from '@isthmus/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTokenizer, readWikiText, type Tokenizer, tokenBlocks, tokenizeLines } from '../src/index.ts'
import { datasetPath, expectedBlocks } from './shipped-data.ts'

let tokenizer: Tokenizer
beforeAll(async () => {
  tokenizer = await openTokenizer(datasetPath('models/seed-1'))
})

describe('tokenBlocks', () => {
  it('cuts wiki.valid.raw into the blocks that the PyTorch side made', async () => {
    const paragraphs = await readWikiText(datasetPath('wiki/wiki.valid.raw'))
    const blocks = tokenBlocks(paragraphs, tokenizer, { name: 'wiki.valid.raw' })
    expect(blocks.shape).toEqual([487, 128])
    expect(blocks).toEqual(await expectedBlocks())
  })

  it('puts the tokens between [CLS] and [SEP], paragraph after paragraph, and drops the rest', () => {
    const [the, of] = [tokenizer.encode('the')[0]!, tokenizer.encode('of')[0]!]
    const blocks = tokenBlocks(['the of the', 'of the'], tokenizer, { name: 'text', blockSize: 4 })
    expect(blocks.shape).toEqual([2, 4])
    expect([...blocks.data]).toEqual([2, the, of, 3, 2, the, of, 3])
  })

  it('says how many tokens a text lacks', () => {
    const message = (found: number) =>
      `the text wiki has ${found} tokens, but one block of 128 needs 126 beside [CLS] and [SEP]; ` +
      'give a longer text or a smaller blockSize'
    expect(() => tokenBlocks([], tokenizer, { name: 'wiki' })).toThrow(new UserError(message(0)))
    expect(() => tokenBlocks(['the of'], tokenizer, { name: 'wiki' })).toThrow(new UserError(message(2)))
    expect(() => tokenBlocks(['the'], tokenizer, { name: 'wiki', blockSize: 2 })).toThrow(
      'blockSize must be a whole number of at least 3 ([CLS], a token and [SEP]), but it is 2',
    )
  })
})

describe('tokenizeLines', () => {
  const line = (text: string, line = 1) => ({ book: 'plays/hamlet.txt', line, text })

  it('frames and truncates each line, and leaves out what has no tokens', () => {
    const words = tokenizer.encode('to be or not to be')
    expect(words).toHaveLength(6)
    const table = tokenizeLines([line('to be or not to be'), line('\u0007', 2), line('to be', 3)], tokenizer, {
      maxTokens: 6,
    })
    expect(table).toEqual({
      lines: [
        { book: 'plays/hamlet.txt', line: 1, ids: Int32Array.from([2, ...words.slice(0, 4), 3]) },
        { book: 'plays/hamlet.txt', line: 3, ids: Int32Array.from([2, ...words.slice(0, 2), 3]) },
      ],
      maxTokens: 6,
      specialTokens: true,
      vocabularyDigest: tokenizer.vocabularyDigest,
    })
  })

  it('can leave the special tokens out', () => {
    const words = tokenizer.encode('to be or not to be')
    const { lines } = tokenizeLines([line('to be or not to be')], tokenizer, { maxTokens: 5, specialTokens: false })
    expect([...lines[0]!.ids]).toEqual(words.slice(0, 5))
  })

  it('keeps 512 tokens by default', () => {
    expect(tokenizeLines([line('the '.repeat(600))], tokenizer).lines[0]!.ids).toHaveLength(512)
  })

  it('refuses a maxTokens without room', () => {
    expect(() => tokenizeLines([], tokenizer, { maxTokens: 2 })).toThrow(
      'maxTokens must be a whole number of at least 3 ([CLS], a token and [SEP]), but it is 2',
    )
    expect(() => tokenizeLines([], tokenizer, { maxTokens: 0, specialTokens: false })).toThrow(
      'maxTokens must be a whole number of at least 1, but it is 0',
    )
  })
})

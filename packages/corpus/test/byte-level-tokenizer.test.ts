import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  maskTokens,
  nextTokenBlocks,
  nextTokenLabels,
  openTokenizer,
  tokenBlocks,
  tokenizeLines,
} from '../src/index.ts'
import { byteCharacters, byteLevelFiles } from './byte-level-files.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'byte-level-'))
})
afterEach(() => rm(folder, { recursive: true }))

const write = (name: string, content: string | object) =>
  writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))

const merges = [
  ['h', 'e'],
  ['Ġ', 't'],
  ['Ġt', 'he'],
  ['he', 'y'],
] as const
const robertaTokens = ['<s>', '<pad>', '</s>', '<unk>', '<mask>']
const roberta = byteLevelFiles(robertaTokens, merges)
const gpt2 = byteLevelFiles(['<|endoftext|>'], merges)

const added = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: content === '<mask>',
  rstrip: false,
  normalized: false,
  special: true,
})

/** `tokenizer.json` as transformers writes it. */
const tokenizerJson = ({ vocabulary }: typeof roberta, special: readonly string[], post_processor: object | null) => ({
  added_tokens: special.map(added),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', unk_token: null, vocab: vocabulary, merges: merges.map((pair) => pair.join(' ')) },
})
const robertaProcessing = { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0] }

const robertaRoles = { clsId: 0, padId: 1, sepId: 2, unkId: 3, maskId: 4 }

/** Pairs merged, the first of the list first, until none is left: the definition, slowly. */
function mergeSlowly(word: string): string[] {
  const bytes = byteCharacters()
  let parts = [...new TextEncoder().encode(word)].map((byte) => bytes[byte]!)
  for (const [left, right] of merges) {
    const merged: string[] = []
    for (let i = 0; i < parts.length; i++) {
      const isPair = parts[i] === left && parts[i + 1] === right
      merged.push(isPair ? left + right : parts[i]!)
      if (isPair) i++
    }
    parts = merged
  }
  return parts
}

describe('a byte-level tokenizer', () => {
  it('is read from vocab.json and merges.txt, and merges in their order', async () => {
    await write('vocab.json', gpt2['vocab.json'])
    await write('merges.txt', gpt2['merges.txt'])
    const tokenizer = await openTokenizer(folder)
    expect(tokenizer.vocabulary).toEqual(gpt2.tokens)
    const words = fc.array(fc.stringMatching(/^[they]{1,8}$/), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(words, (parts) => {
        const text = parts.join(' ')
        const expected = parts.flatMap((word, i) => mergeSlowly(i === 0 ? word : ` ${word}`))
        const ids = tokenizer.encode(text)
        expect(ids.map((id) => tokenizer.vocabulary[id])).toEqual(expected)
        expect(tokenizer.decode(ids)).toBe(text)
      }),
    )
    expect(tokenizer.decode(tokenizer.encode('naïve ☃ 🎉'))).toBe('naïve ☃ 🎉')
  })

  it('has the roles of RoBERTa from each of the places that name them', async () => {
    const { clsId, padId, sepId, unkId, maskId } = robertaRoles
    const named = { cls_token: '<s>', sep_token: '</s>', pad_token: '<pad>', unk_token: '<unk>', mask_token: '<mask>' }
    const template = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: '</s>' } }],
    }
    const places: Record<string, string | object>[] = [
      { 'tokenizer.json': tokenizerJson(roberta, robertaTokens, robertaProcessing) },
      { 'tokenizer.json': tokenizerJson(roberta, robertaTokens, { type: 'Sequence', processors: [template] }) },
      { 'tokenizer.json': tokenizerJson(roberta, robertaTokens, null), 'special_tokens_map.json': named },
      { 'vocab.json': roberta['vocab.json'], 'merges.txt': roberta['merges.txt'] },
      {
        'tokenizer.json': tokenizerJson(roberta, robertaTokens, null),
        'tokenizer_config.json': { ...named, mask_token: { content: '<mask>', lstrip: true } },
      },
    ]
    for (const files of places) {
      for (const [name, content] of Object.entries(files)) await write(name, content)
      const tokenizer = await openTokenizer(
        Object.fromEntries(Object.keys(files).map((name) => [name, join(folder, name)])),
      )
      expect(tokenizer).toMatchObject(robertaRoles)
      expect([...tokenizer.specialIds].sort()).toEqual([clsId, padId, sepId, unkId, maskId])
      const [the] = tokenizer.encode(' the')
      expect(tokenizer.encode('<s> the <mask>')).toEqual([clsId, the, maskId])
    }
  })

  it('takes the post-processor’s tokens, whatever they are called', async () => {
    const special = ['<begin>', '<end>', '<mask>']
    const files = byteLevelFiles(special, merges)
    const processing = { type: 'RobertaProcessing', cls: ['<begin>', 0], sep: ['<end>', 1] }
    await write('tokenizer.json', tokenizerJson(files, special, processing))
    expect(await openTokenizer(folder)).toMatchObject({ clsId: 0, sepId: 1, maskId: 2, padId: null, unkId: null })
  })

  it('of GPT-2 has no roles but the unknown token, and its lines are not framed', async () => {
    await write('tokenizer.json', tokenizerJson(gpt2, ['<|endoftext|>'], { type: 'ByteLevel' }))
    await write('tokenizer_config.json', { unk_token: '<|endoftext|>', bos_token: '<|endoftext|>', pad_token: null })
    const tokenizer = await openTokenizer(folder)
    expect(tokenizer).toMatchObject({ clsId: null, sepId: null, maskId: null, padId: null, unkId: 0 })
    expect([...tokenizer.specialIds]).toEqual([0])
    const line = { book: 'a/b.txt', line: 1, text: 'hey the the the' }
    const { lines } = tokenizeLines([line], tokenizer, { maxTokens: 3 })
    expect([...lines[0]!.ids]).toEqual(tokenizer.encode('hey the the'))
  })

  it('without a mask token is refused for masked language modelling', async () => {
    await write('vocab.json', gpt2['vocab.json'])
    await write('merges.txt', gpt2['merges.txt'])
    const tokenizer = await openTokenizer(folder, 'model A')
    const lacking = (role: string) =>
      new UserError(
        `model A/vocab.json has no ${role} token, which masked language modelling needs; name it as ${role}_token in ` +
          'tokenizer_config.json, or choose a model that was trained so',
      )
    const blocks = { shape: [1, 3], data: Int32Array.of(1, 2, 3) }
    expect(() => maskTokens(blocks, { tokenizer, seed: 0 })).toThrow(lacking('mask'))
    expect(() => tokenBlocks(['the'], tokenizer, { name: 'wiki' })).toThrow(lacking('cls'))
  })

  it('says what is wrong in its files', async () => {
    await write('merges.txt', `${gpt2['merges.txt']}a b c\n`)
    await expect(openTokenizer(folder)).rejects.toThrow(/^no tokenizer in/)
    await write('vocab.json', gpt2['vocab.json'])
    await expect(openTokenizer(folder, 'B')).rejects.toThrow(
      "B/merges.txt: line 6 is 'a b c', expected two tokens with a space between; restore the file",
    )
    await write('vocab.json', { a: 0, b: 'one' })
    await expect(openTokenizer(folder, 'B')).rejects.toThrow(
      'B/vocab.json: token \'b\' has the id "one"; restore the file',
    )
  })
})

describe('nextTokenBlocks', () => {
  const tokenizer = { encode: (text: string) => [...text].map((character) => character.charCodeAt(0) - 97) }

  it('cuts the text without special tokens, and asks at each position for the token that follows in its block', () => {
    const text = fc.array(fc.stringMatching(/^[a-z]{0,9}$/))
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 6 }), (paragraphs, blockSize) => {
        const all = paragraphs.flatMap((paragraph) => tokenizer.encode(paragraph))
        fc.pre(all.length >= blockSize)
        const blocks = nextTokenBlocks(paragraphs, tokenizer, { name: 'text', blockSize })
        const labels = nextTokenLabels(blocks)
        const count = Math.floor(all.length / blockSize)
        expect(blocks.shape).toEqual([count, blockSize])
        expect(labels.shape).toEqual([count, blockSize])
        expect([...blocks.data]).toEqual(all.slice(0, count * blockSize))
        labels.data.forEach((label, i) => {
          expect(label).toBe(i % blockSize === blockSize - 1 ? -100 : all[i + 1])
        })
      }),
    )
  })

  it('says what it lacks', () => {
    expect(() => nextTokenBlocks(['abc'], tokenizer, { name: 'wiki', blockSize: 4 })).toThrow(
      new UserError('the text wiki has 3 tokens, but one block needs 4; give a longer text or a smaller blockSize'),
    )
    expect(() => nextTokenBlocks(['abc'], tokenizer, { name: 'wiki', blockSize: 1 })).toThrow(
      'blockSize must be a whole number of at least 2 (a token and the next), but it is 1',
    )
  })
})

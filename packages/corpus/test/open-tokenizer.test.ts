import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assertSameVocabulary, openTokenizer, readWikiText } from '../src/index.ts'
import { datasetPath } from './shipped-data.ts'

const model = datasetPath('models/seed-1')
const tiny = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncaf\n##e\n##é\nA\na\n'
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))
})
afterEach(() => rm(folder, { recursive: true }))

const write = (name: string, text: string) => writeFile(join(folder, name), text)

describe('openTokenizer', () => {
  it('reads tokenizer.json', async () => {
    const tokenizer = await openTokenizer(model)
    const { clsId, sepId, padId, maskId, unkId, vocabSize } = tokenizer
    expect({ clsId, sepId, padId, maskId, unkId, vocabSize }).toEqual({
      clsId: 2,
      sepId: 3,
      padId: 0,
      maskId: 4,
      unkId: 1,
      vocabSize: 4096,
    })
    expect([...tokenizer.specialIds].sort()).toEqual([0, 1, 2, 3, 4])
    const vocabulary = (await readFile(join(model, 'vocab.txt'), 'utf8')).trimEnd().split('\n')
    expect(tokenizer.vocabulary).toEqual(vocabulary)
  })

  it('encodes without special tokens, and decodes', async () => {
    const tokenizer = await openTokenizer(model)
    const ids = tokenizer.encode('It is a truth universally acknowledged, that ☃')
    expect(ids.some((id) => tokenizer.clsId === id || tokenizer.sepId === id)).toBe(false)
    expect(tokenizer.decode(ids)).toBe('it is a truth universally acknowledged, that [UNK]')
    expect(tokenizer.decode(Int32Array.from([tokenizer.maskId]))).toBe('[MASK]')
    expect(tokenizer.encode(' \u0000 ')).toEqual([])
    expect(tokenizer.decode([])).toBe('')
  })

  it('reads the same tokenizer from vocab.txt alone', async () => {
    const fromJson = await openTokenizer(model)
    const fromVocabulary = await openTokenizer({ 'vocab.txt': join(model, 'vocab.txt') })
    expect(fromVocabulary.vocabularyDigest).toBe(fromJson.vocabularyDigest)
    expect(fromVocabulary.specialIds).toEqual(fromJson.specialIds)
    for (const paragraph of await readWikiText(datasetPath('wiki/wiki.test.raw'))) {
      expect(fromVocabulary.encode(paragraph)).toEqual(fromJson.encode(paragraph))
    }
  })

  it('obeys do_lower_case, strip_accents and the names of special tokens beside vocab.txt', async () => {
    await write('vocab.txt', `${tiny.replace('[MASK]', '<mask>').replaceAll('\n', '\r\n')}`)
    const mask_token = { content: '<mask>', lstrip: true }
    const tokens = async (config: object) => {
      await write('tokenizer_config.json', JSON.stringify({ mask_token, ...config }))
      const tokenizer = await openTokenizer(folder)
      expect(tokenizer.maskId).toBe(4)
      return tokenizer.encode('A Café <mask>').map((id) => tokenizer.vocabulary[id])
    }
    expect(await tokens({})).toEqual(['a', 'caf', '##e', '<mask>'])
    expect(await tokens({ strip_accents: false })).toEqual(['a', 'caf', '##é', '<mask>'])
    expect(await tokens({ do_lower_case: false })).toEqual(['A', '[UNK]', '<mask>'])
  })

  it('says which file or token is missing', async () => {
    await expect(openTokenizer(folder)).rejects.toThrow(
      new UserError(
        `no tokenizer in ${folder}: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt; copy one from ` +
          'where the model was published',
      ),
    )
    await expect(openTokenizer({}, 'model A')).rejects.toThrow(/^no tokenizer in model A: expected/)
    await expect(openTokenizer({ 'vocab.txt': join(folder, 'gone') }, 'model A')).rejects.toThrow(
      /^cannot read model A\/vocab.txt: ENOENT.*; check the path$/,
    )
    await write('vocab.txt', tiny.replace('[MASK]', 'x'))
    expect((await openTokenizer(folder)).maskId).toBe(null)
    await write('tokenizer_config.json', '{"mask_token": "<mask>"}')
    await expect(openTokenizer(folder, 'model A')).rejects.toThrow(
      new UserError(
        "model A/vocab.txt has no token '<mask>', which is named as mask_token; add it, or name another in " +
          'tokenizer_config.json',
      ),
    )
    await write('vocab.txt', tiny.replace('[UNK]', 'x'))
    await expect(openTokenizer(folder, 'model A')).rejects.toThrow(
      new UserError(
        "model A/vocab.txt has no token '[UNK]'; add it, or name the token that takes its place as unk_token in " +
          'tokenizer_config.json',
      ),
    )
  })

  it('says what is wrong in a file', async () => {
    await write('vocab.txt', `${tiny}caf\n`)
    await expect(openTokenizer(folder, 'B')).rejects.toThrow("B/vocab.txt: token 'caf' stands on lines 6 and 11;")
    await write('vocab.txt', `\n${tiny}`)
    await expect(openTokenizer(folder, 'B')).rejects.toThrow('B/vocab.txt: line 1 is empty, expected a token;')
    await write('tokenizer.json', '{"model":')
    await expect(openTokenizer(folder, 'B')).rejects.toThrow(/^B\/tokenizer.json is not JSON: .*; restore the file$/)
    await write('tokenizer.json', '[]')
    await expect(openTokenizer(folder, 'B')).rejects.toThrow('B/tokenizer.json holds [], expected a JSON object;')
    await write('tokenizer.json', '{}')
    await expect(openTokenizer(folder, 'B')).rejects.toThrow(/^B\/tokenizer.json is not a tokenizer that can be used:/)
    const json = JSON.parse(await readFile(join(model, 'tokenizer.json'), 'utf8'))
    for (const gap of [['the', 9000] as const, ['numbers', 4097] as const]) {
      const vocab = { ...json.model.vocab, [gap[0]]: gap[1] }
      await write('tokenizer.json', JSON.stringify({ ...json, model: { ...json.model, vocab } }))
      await expect(openTokenizer(folder, 'B')).rejects.toThrow(
        `B/tokenizer.json: no token has id ${json.model.vocab[gap[0]]}, but ids go up to ${gap[1]}; restore the file`,
      )
    }
  })
})

describe('assertSameVocabulary', () => {
  const open = async (name: string, text: string) => {
    await write(name, text)
    return openTokenizer({ 'vocab.txt': join(folder, name) }, name)
  }

  it('accepts equal vocabularies', async () => {
    const [a, b] = [await open('A', tiny), await open('B', tiny)]
    expect(() => assertSameVocabulary(a, b)).not.toThrow()
    expect(a.vocabularyDigest).toBe(b.vocabularyDigest)
  })

  it('names both files and the first id that differs', async () => {
    const [a, b] = [await open('A', tiny), await open('B', tiny.replace('A\na', 'a\nA'))]
    expect(() => assertSameVocabulary(a, b)).toThrow(
      new UserError(
        "the vocabularies of A/vocab.txt (10 tokens) and B/vocab.txt (10 tokens) differ, first at id 8: 'A' and 'a'; " +
          'choose two models that were trained with the same vocabulary',
      ),
    )
    expect(a.vocabularyDigest).not.toBe(b.vocabularyDigest)
  })

  it('compares the sizes', async () => {
    const [a, b] = [await open('A', tiny), await open('B', `${tiny}more\n`)]
    expect(() => assertSameVocabulary(a, b)).toThrow("first at id 10: no token and 'more';")
  })
})

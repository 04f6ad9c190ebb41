import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { longestFirst } from '../src/encode-task.ts'
import {
  type EncodedTask,
  encodeTask,
  openTokenizer,
  readTaskTable,
  type Tokenizer,
  taskBatch,
  taskBatches,
  writeTaskTable,
} from '../src/index.ts'
import { pairFrame } from '../src/pair-frame.ts'
import { byteLevelFiles } from './byte-level-files.ts'
import encodings from './fixtures/task-encodings.json' with { type: 'json' }
import { datasetPath } from './shipped-data.ts'

let folder: string
let bert: Tokenizer
let roberta: Tokenizer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encode-task-'))
  bert = await openTokenizer(datasetPath('models/seed-1'))
  const files = byteLevelFiles(['<s>', '<pad>', '</s>', '<unk>', '<mask>'], [])
  for (const name of ['vocab.json', 'merges.txt'] as const) await writeFile(join(folder, name), files[name])
  roberta = await openTokenizer(folder)
})

afterAll(() => rm(folder, { recursive: true }))

const classes = { id: 'own', labels: { kind: 'classes', names: ['no', 'yes'] } } as const
const scores = { id: 'own', labels: { kind: 'scores', range: [0, 5] } } as const

describe('encodeTask', () => {
  it("gives what Hugging Face's tokenizers give, whatever is too long", () => {
    for (const [name, maxTokens, sentences, ids, types] of encodings as [
      string,
      number,
      string[],
      number[],
      number[],
    ][]) {
      const tokenizer = name === 'bert' ? bert : roberta
      const [text] = encodeTask([{ sentences, label: 0 }], classes, tokenizer, { maxTokens }).texts
      const where = JSON.stringify([name, maxTokens, sentences])
      expect([...text!.ids], where).toEqual(ids)
      expect(text!.firstTypeLength, where).toBe(types.filter((type) => type === 0).length)
    }
  })

  it('keeps classes as they are and scores in f32, with what they were made by', () => {
    const rows = [1, 0].map((label) => ({ sentences: ['the king', 'came'], label }))
    const encoded = encodeTask(rows, classes, bert)
    expect(encoded).toMatchObject({ task: 'own', classes: ['no', 'yes'], labels: Int32Array.of(1, 0), maxTokens: 128 })
    expect(encoded.vocabularyDigest).toBe(bert.vocabularyDigest)
    const scored = encodeTask([{ sentences: ['a'], label: 3.8 }], scores, bert)
    expect(scored).toMatchObject({ classes: null, labels: Float32Array.of(3.8) })
  })

  it('says what it needs', () => {
    const encode = (sentences: string[], tokenizer: Tokenizer, maxTokens: number) => () =>
      encodeTask([{ sentences, label: 0 }], classes, tokenizer, { maxTokens })
    expect(encode(['a'], bert, 3)).not.toThrow()
    expect(encode(['a'], bert, 2)).toThrow(
      new UserError(
        'maxTokens must be a whole number of at least 3 for a sentence (2 special tokens and one of each sentence), but ' +
          'it is 2',
      ),
    )
    expect(encode(['a', 'b'], bert, 5)).not.toThrow()
    expect(encode(['a', 'b'], roberta, 5)).toThrow(
      'at least 6 for a pair of sentences (4 special tokens and one of each sentence), but it is 5',
    )
    expect(encode(['a'], { ...bert, clsId: null }, 128)).toThrow(
      /has no cls token, which a classifier of text needs; name it as cls_token in tokenizer_config.json,/,
    )
  })
})

describe('pairFrame', () => {
  it("follows the tokenizer's post-processor, alone or in a sequence", () => {
    const [a, b, sep] = [
      (type_id: number) => ({ Sequence: { id: 'A', type_id } }),
      (type_id: number) => ({ Sequence: { id: 'B', type_id } }),
      { SpecialToken: { id: 'x', type_id: 0 } },
    ]
    for (const [processor, separators, secondType] of [
      [{ type: 'TemplateProcessing', pair: [sep, a(0), sep, b(1), sep] }, 1, 1],
      [{ type: 'TemplateProcessing', pair: [sep, a(0), sep, sep, b(0), sep] }, 2, 0],
      [{ type: 'RobertaProcessing' }, 2, 0],
      [{ type: 'BertProcessing' }, 1, 1],
      [{ type: 'Sequence', processors: [{ type: 'ByteLevel' }, { type: 'BertProcessing' }] }, 1, 1],
    ] as const) {
      expect(pairFrame({ post_processor: processor, pre_tokenizer: { type: 'ByteLevel' } })).toEqual({
        separators,
        secondType,
      })
    }
  })

  it("is RoBERTa's for byte-level vocabularies that say nothing, and BERT's for others", () => {
    expect(pairFrame({ post_processor: null, pre_tokenizer: { type: 'ByteLevel' } })).toEqual(roberta.pairFrame)
    expect(pairFrame({ pre_tokenizer: { type: 'BertPreTokenizer' } })).toEqual({ separators: 1, secondType: 1 })
    expect(pairFrame({ post_processor: { type: 'ByteLevel' }, pre_tokenizer: null })).toEqual(bert.pairFrame)
  })
})

describe('longestFirst', () => {
  it('fills the room, keeps what is short, and leaves no sentence more than it had', () => {
    const length = fc.nat(60)
    const property = fc.property(length, length, fc.integer({ min: 2, max: 50 }), (a, b, room) => {
      const [keptA, keptB] = longestFirst(a, b, room)
      expect(keptA + keptB).toBe(Math.min(a + b, room))
      expect(keptA <= a && keptB <= b).toBe(true)
      // Only what is longer than the other's remainder was cut.
      if (keptA < a) expect(keptA).toBeGreaterThanOrEqual(Math.min(Math.floor(room / 2), keptB))
      if (keptB < b) expect(keptB).toBeGreaterThanOrEqual(Math.min(Math.floor(room / 2), keptA))
    })
    expect(() => fc.assert(property)).not.toThrow()
  })
})

/** Tasks of token ids above 9, so that 0 can only be padding. */
const task: fc.Arbitrary<EncodedTask> = fc
  .array(
    fc.record({
      ids: fc
        .array(fc.integer({ min: 10, max: 99 }), { minLength: 1, maxLength: 12 })
        .map((ids) => Int32Array.from(ids)),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .chain((texts) =>
    fc.record({
      task: fc.constant('own'),
      classes: fc.option(fc.constant(['a', 'b', 'c'])),
      texts: fc.constant(
        texts.map(({ ids, part }) => ({ ids, firstTypeLength: 1 + Math.floor(part * (ids.length - 1)) })),
      ),
      labels: fc
        .array(fc.integer({ min: 0, max: 2 }), { minLength: texts.length, maxLength: texts.length })
        .map((labels) => Int32Array.from(labels)),
      maxTokens: fc.constant(12),
      vocabularyDigest: fc.constant('digest'),
    }),
  )
  .map((own) => (own.classes === null ? { ...own, labels: Float32Array.from(own.labels, (x) => x / 2) } : own))

describe('taskBatches', () => {
  it('has every row once, with its tokens, types, mask and label', () => {
    const property = fc.property(task, fc.integer({ min: 1, max: 60 }), (own, tokensPerBatch) => {
      const seen: number[] = []
      for (const { feeds, sequences, predictions, length } of taskBatches(own, { tokensPerBatch, padId: 0 })) {
        expect(feeds.inputIds.shape).toEqual([sequences.length, length])
        expect([feeds.labels.shape, predictions]).toEqual([[sequences.length], sequences.length])
        expect(sequences.length === 1 || sequences.length * length <= tokensPerBatch).toBe(true)
        sequences.forEach((row, i) => {
          const { ids, firstTypeLength } = own.texts[row]!
          const of = (name: 'inputIds' | 'tokenTypeIds' | 'attentionMask') => [
            ...feeds[name].data.subarray(i * length, (i + 1) * length),
          ]
          const padding = new Array<number>(length - ids.length).fill(0)
          expect(of('inputIds')).toEqual([...ids, ...padding])
          expect(of('attentionMask')).toEqual([...ids.map(() => 1), ...padding])
          expect(of('tokenTypeIds')).toEqual([...ids.map((_, t) => Number(t >= firstTypeLength)), ...padding])
          expect(feeds.labels.data[i]).toBe(own.labels[row])
        })
        seen.push(...sequences)
      }
      expect(seen.sort((a, b) => a - b)).toEqual(own.texts.map((_, row) => row))
    })
    expect(() => fc.assert(property)).not.toThrow()
  })

  it('makes a batch of any rows, in their order', () => {
    const rows = ['the king came', 'out', 'of the house of the men'].map((a, label) => ({
      sentences: [a],
      label: label % 2,
    }))
    const encoded = encodeTask(rows, classes, bert)
    const batch = taskBatch(encoded, [2, 1, 2], { padId: bert.padId! })
    expect([...batch.sequences]).toEqual([2, 1, 2])
    expect(batch.feeds.inputIds.shape).toEqual([3, encoded.texts[2]!.ids.length])
    expect([...batch.feeds.labels.data]).toEqual([0, 1, 0])
    expect(batch.feeds.labels.data).toBeInstanceOf(Int32Array)
    expect(() => taskBatch(encoded, [3])).toThrow(
      new UserError('a batch needs rows from 0 to 2 of the task own, found row 3'),
    )
    expect(() => taskBatch(encoded, [])).toThrow('a batch needs rows from 0 to 2 of the task own, found none')
  })
})

describe('task tables', () => {
  it('are read as they were written, and equal ones have equal bytes', async () => {
    const [first, second] = [join(folder, 'first.arrow'), join(folder, 'second.arrow')]
    const property = fc.asyncProperty(task, async (own) => {
      await writeTaskTable(first, own)
      const read = await readTaskTable(first)
      expect(read).toEqual(own)
      await writeTaskTable(second, read)
      expect((await readFile(second)).equals(await readFile(first))).toBe(true)
    })
    await expect(fc.assert(property, { numRuns: 25 })).resolves.not.toThrow()
  })

  it('are no other tables', async () => {
    const path = join(folder, 'notes.txt')
    await writeFile(path, 'no table')
    await expect(readTaskTable(path)).rejects.toThrow(
      new UserError(`${path} is not an Arrow IPC file, or is cut short; make it again`),
    )
  })
})

import { ShapeError, UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, Feeds, Program } from '../../src/engine.ts'
import { drawWeights } from './draw-feeds.ts'
import { smallFeeds, smallGraph, smallTaps } from './random-bert.ts'

const ids = (...data: number[]) => ({ shape: [2, 3], data: Int32Array.from(data) })
const rows = (...data: number[]) => ({ shape: [data.length], data: Int32Array.from(data) })
const tooLong = { shape: [1, 10], data: new Int32Array(10) }
/** What is wrong, the feeds that differ from right ones, and the sentence. */
const misfits: [string, Record<string, Feeds[string] | undefined>, Error][] = [
  [
    'which input is missing',
    { tokenTypeIds: undefined },
    new ShapeError("input 'tokenTypeIds' is missing from the feeds of bert"),
  ],
  [
    'which input has another rank',
    { inputIds: { shape: [6], data: new Int32Array(6) } },
    new ShapeError("input 'inputIds' of bert must be int32 [batch, sequence], found Int32Array [6]"),
  ],
  [
    'which inputs do not go together',
    { attentionMask: { shape: [2, 4], data: new Int32Array(8) } },
    new ShapeError(
      "input 'attentionMask' of bert must be int32 [batch, sequence] with batch 2, sequence 3, found Int32Array [2, 4]",
    ),
  ],
  [
    'which input has another type',
    { inputIds: { shape: [2, 3], data: new Float32Array(6) } },
    new ShapeError(
      "input 'inputIds' of bert must be int32 [batch, sequence] with batch 2, sequence 3, found Float32Array [2, 3]",
    ),
  ],
  [
    'which input has too little data',
    { inputIds: { shape: [2, 3], data: new Int32Array(5) } },
    new ShapeError("input 'inputIds' of bert of shape [2, 3] has 6 elements, but its data has 5"),
  ],
  [
    'which id is outside of the vocabulary',
    { inputIds: ids(1, 2, 3, 4, 11, 5) },
    new UserError(
      "input 'inputIds' of bert holds 11, but 'bert.embeddings.word_embeddings.weight' has 11 rows: " +
        'the indices are 0 to 10',
    ),
  ],
  [
    'that no id is negative',
    { tokenTypeIds: ids(0, 0, 0, -1, 0, 0) },
    new UserError(
      "input 'tokenTypeIds' of bert holds -1, but 'bert.embeddings.token_type_embeddings.weight' has 2 rows: " +
        'the indices are 0 to 1',
    ),
  ],
  [
    'that sequences are too long',
    { inputIds: tooLong, tokenTypeIds: tooLong, attentionMask: tooLong },
    new UserError(
      "input 'inputIds' of bert has sequences of 10 tokens, but 'bert.embeddings.position_embeddings.weight' has 9 " +
        'positions: cut the text into at most 9 tokens',
    ),
  ],
  [
    'which selected position is outside of the batch',
    { selectedPositions: rows(0, 5, 6) },
    new UserError(
      "input 'selectedPositions' of bert holds 6, but a batch of 2 × 3 has 6 positions: the indices are 0 to 5",
    ),
  ],
  [
    'which label is none',
    { labels: rows(0, -100, 3) },
    new UserError("input 'labels' of bert holds -100, but there are 11 classes: the indices are 0 to 10"),
  ],
]

/** What is fed or asked for wrongly is said in a sentence. */
export function feedErrors(engine: () => Engine): void {
  describe('says in a sentence', () => {
    const weights = drawWeights(smallGraph, 21)
    const feeds = smallFeeds(2, 3, 22)
    const matrix = 'bert.encoder.layer.0.attention.self.query.weight'
    let program: Program
    beforeAll(async () => {
      program = await engine().compile(smallGraph, { outputs: ['negativeLogLikelihood'] })
    })
    afterAll(() => program.dispose())

    it('which outputs and taps there are', async () => {
      await expect(engine().compile(smallGraph, { outputs: ['logits', 'ffn.7'] })).rejects.toThrow(
        new UserError(
          `bert has no output or tap 'ffn.7'; it has hidden, logits, negativeLogLikelihood, ${smallTaps.join(', ')}`,
        ),
      )
    })

    for (const [what, change, error] of misfits) {
      it(what, async () => {
        const fed = Object.fromEntries(
          Object.entries({ ...feeds, ...change }).filter(
            (entry): entry is [string, Feeds[string]] => entry[1] !== undefined,
          ),
        )
        await expect(program.run(weights, fed)).rejects.toThrow(error)
        expect((await program.run(weights, feeds)).negativeLogLikelihood!.shape).toEqual([3])
      })
    }

    it('which parameter is missing or has another shape', async () => {
      const lacking = new Map(weights)
      lacking.delete(matrix)
      await expect(program.run(lacking, feeds)).rejects.toThrow(
        new ShapeError(`parameter '${matrix}' of bert is missing`),
      )
      const narrow = new Map(weights).set(matrix, { shape: [12, 11], data: new Float32Array(132) })
      await expect(program.run(narrow, feeds)).rejects.toThrow(
        new ShapeError(`parameter '${matrix}' of bert must be [12, 12], found [12, 11]`),
      )
    })
  })
}

import { bert } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import type { Engine, Feeds } from '../../src/engine.ts'
import { drawWeights } from './draw-feeds.ts'
import { expectClose } from './expect-agreement.ts'
import { smallBert, smallFeeds, smallGraph } from './random-bert.ts'
import { withProgram } from './with-program.ts'

/** A mask hides padding from real tokens. */
export function hiddenPadding(engine: () => Engine): void {
  describe('hides padding', () => {
    const weights = drawWeights(smallGraph, 19)
    const lengths = [4, 2]

    /** The first tokens of each sequence, padded to `sequence` with `padId`. */
    function padded(sequence: number, padId: number): Feeds {
      const longest = smallFeeds(2, 4, 20)
      const pick = (value: (b: number, s: number) => number) => ({
        shape: [2, sequence],
        data: Int32Array.from({ length: 2 * sequence }, (_, i) => value(Math.floor(i / sequence), i % sequence)),
      })
      const real = (b: number, s: number) => s < lengths[b]!
      return {
        inputIds: pick((b, s) => (real(b, s) ? longest.inputIds!.data[b * 4 + s]! : padId)),
        tokenTypeIds: pick((b, s) => (real(b, s) ? longest.tokenTypeIds!.data[b * 4 + s]! : 0)),
        attentionMask: pick((b, s) => Number(real(b, s))),
      }
    }

    /** The rows of the real tokens. */
    function realRows({ shape: [batch, sequence, width], data }: Tensor): Tensor {
      const rows = Array.from({ length: batch! }, (_, b) => {
        const start = b * sequence! * width!
        return [...data.subarray(start, start + lengths[b]! * width!)]
      }).flat()
      return { shape: [rows.length / width!, width!], data: Float32Array.from(rows) }
    }

    it('so that what real tokens give depends neither on its ids nor on its length', async () => {
      await withProgram(engine(), smallGraph, ['hidden'], async (program) => {
        const rows = async (feeds: Feeds) => realRows((await program.run(weights, feeds)).hidden!)
        const reference = await rows(padded(4, 0))
        for (const [sequence, padId] of [
          [4, 5],
          [9, 0],
          [9, 7],
        ] as const) {
          expectClose(await rows(padded(sequence, padId)), reference, `${sequence} tokens padded with ${padId}`)
        }
        const unmasked = { ...padded(4, 5), attentionMask: { shape: [2, 4], data: new Int32Array(8).fill(1) } }
        expect(await rows(unmasked)).not.toEqual(reference)
      })
    })

    it('as a sequence alone gives what it gives without padding', async () => {
      const bare = bert(smallBert, { padding: false })
      const { inputIds, tokenTypeIds, attentionMask } = padded(9, 3)
      const row = (tensor: Feeds[string], length: number) => ({
        shape: [1, length],
        data: (tensor.data as Int32Array).slice(9, 9 + length),
      })
      let alone: Tensor | undefined
      await withProgram(engine(), bare, ['hidden'], async (program) => {
        const feeds = { inputIds: row(inputIds!, 2), tokenTypeIds: row(tokenTypeIds!, 2) }
        alone = (await program.run(weights, feeds)).hidden!
      })
      await withProgram(engine(), smallGraph, ['hidden'], async (program) => {
        const feeds = { inputIds: inputIds!, tokenTypeIds: tokenTypeIds!, attentionMask: attentionMask! }
        const rows = realRows((await program.run(weights, feeds)).hidden!)
        const second = rows.data.subarray(lengths[0]! * smallBert.hiddenSize)
        expectClose({ shape: alone!.shape, data: second }, alone!, 'hidden')
      })
    })
  })
}

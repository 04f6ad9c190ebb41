import type { Tensor } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine.ts'
import { drawWeights } from './draw-feeds.ts'
import { expectAgreement } from './expect-agreement.ts'
import { smallFeeds, smallGraph, smallTaps } from './random-bert.ts'
import { withProgram } from './with-program.ts'

/** Weights are fed, and a program keeps nothing between runs. */
export function weightsAreInputs(engine: () => Engine): void {
  describe('takes weights as inputs', () => {
    it('and runs one program with several, keeping nothing of the last', async () => {
      const [first, second] = [drawWeights(smallGraph, 4), drawWeights(smallGraph, 5)]
      const feeds = smallFeeds(2, 6, 6)
      await withProgram(engine(), smallGraph, ['logits'], async (program) => {
        const before = await expectAgreement(program, smallGraph, first, feeds, ['logits'])
        const between = await expectAgreement(program, smallGraph, second, feeds, ['logits'])
        const after = await program.run(first, feeds)
        expect(between.logits!.data).not.toEqual(before.logits!.data)
        expect(after.logits!.data).toEqual(before.logits!.data)
      })
    })

    it('and reads them anew in each run, as well as the feeds', async () => {
      const weights = drawWeights(smallGraph, 7)
      const feeds = smallFeeds(1, 4, 8)
      await withProgram(engine(), smallGraph, ['hidden'], async (program) => {
        await expectAgreement(program, smallGraph, weights, feeds, ['hidden'])
        weights.get('bert.encoder.layer.0.output.dense.weight')!.data.reverse()
        feeds.inputIds!.data.reverse()
        await expectAgreement(program, smallGraph, weights, feeds, ['hidden'])
      })
    })

    it('and leaves them and the feeds as they are', async () => {
      const [weights, feeds] = [drawWeights(smallGraph, 9), smallFeeds(2, 3, 10)]
      await withProgram(engine(), smallGraph, ['negativeLogLikelihood', ...smallTaps], async (program) => {
        await program.run(weights, feeds)
      })
      expect(weights).toEqual(drawWeights(smallGraph, 9))
      expect(feeds).toEqual(smallFeeds(2, 3, 10))
    })

    it('and gives the same bits each time, in each program', async () => {
      const [weights, feeds] = [drawWeights(smallGraph, 11), smallFeeds(3, 7, 12)]
      const names = ['logits', ...smallTaps]
      const runs: Record<string, Tensor>[] = []
      for (let compiled = 0; compiled < 2; compiled++) {
        await withProgram(engine(), smallGraph, names, async (program) => {
          for (let run = 0; run < 2; run++) runs.push(await program.run(weights, feeds))
        })
      }
      for (const run of runs) expect(run).toEqual(runs[0])
    })
  })
}

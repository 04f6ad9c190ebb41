import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine.ts'
import { drawFeeds, drawWeights } from './draw-feeds.ts'
import { expectAgreement } from './expect-agreement.ts'
import { longAttentionGraphs, operatorGraphs, operators } from './operator-graphs.ts'
import { randomBert, smallFeeds, smallGraph } from './random-bert.ts'
import { smallModels } from './small-models.ts'
import { withProgram } from './with-program.ts'

/** An engine computes what the reference interpreter computes. */
export function agreement(engine: () => Engine): void {
  describe('agrees with the reference interpreter', () => {
    for (const { name, graph: operatorGraph, sizes, limits } of [...operatorGraphs, ...longAttentionGraphs]) {
      it(`on ${name}`, async () => {
        const names = Object.keys(operatorGraph.outputs)
        const weights = drawWeights(operatorGraph, 1)
        const feeds = drawFeeds(operatorGraph, sizes, limits, 2)
        // Alone, an output lets an engine fuse what it must keep apart where all are asked for.
        for (const asked of [names, ...names.map((output) => [output])]) {
          await withProgram(engine(), operatorGraph, asked, async (program) => {
            await expectAgreement(program, operatorGraph, weights, feeds, asked)
          })
        }
      })
    }

    it('on every operator there is', () => {
      const used = new Set(operatorGraphs.flatMap(({ graph: { nodes } }) => nodes.map(({ op }) => op)))
      expect([...used].sort()).toEqual([...operators].sort())
    })

    it('on BERTs of random sizes, padded or not: logits, losses and every tap', async () => {
      const property = fc.asyncProperty(randomBert(), async ({ graph: random, weights, feeds }) => {
        const names = [...Object.keys(random.outputs), ...random.taps.map((tap) => tap.name)]
        await withProgram(engine(), random, names, async (program) => {
          await expectAgreement(program, random, weights, feeds, names)
        })
      })
      await fc.assert(property, { numRuns: 30 })
    })

    for (const { name, graph: model, feeds } of smallModels) {
      it(`on a small ${name}: every output and tap, together and alone`, async () => {
        const names = [...Object.keys(model.outputs), ...model.taps.map((tap) => tap.name)]
        const weights = drawWeights(model, 31)
        for (const asked of [names, ...names.map((output) => [output])]) {
          await withProgram(engine(), model, asked, async (program) => {
            for (const size of [
              { batch: 2, sequence: 5 },
              { batch: 3, sequence: 7 },
            ]) {
              await expectAgreement(program, model, weights, feeds(size, 32), asked)
            }
          })
        }
      })
    }

    it('on batches of many sizes, one after the other in one program', async () => {
      const weights = drawWeights(smallGraph, 3)
      await withProgram(engine(), smallGraph, ['logits'], async (program) => {
        for (const [batch, sequence] of [
          [2, 5],
          [1, 1],
          [4, 9],
          [1, 9],
          [2, 5],
        ] as const) {
          await expectAgreement(program, smallGraph, weights, smallFeeds(batch, sequence, batch), ['logits'])
        }
      })
    })
  })
}

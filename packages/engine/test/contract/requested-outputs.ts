import { describe, expect, it } from 'vitest'
import type { Engine, Feeds } from '../../src/engine.ts'
import { drawWeights } from './draw-feeds.ts'
import { expectAgreement, expectClose } from './expect-agreement.ts'
import { smallBert, smallFeeds, smallGraph } from './random-bert.ts'
import { withProgram } from './with-program.ts'

/** A run returns what its program was compiled for, in buffers that are the caller’s. */
export function requestedOutputs(engine: () => Engine): void {
  describe('returns what it was compiled for', () => {
    const weights = drawWeights(smallGraph, 13)

    it('and asks for no more than that needs', async () => {
      await withProgram(engine(), smallGraph, ['query.0'], async (program) => {
        expect([...program.inputs].sort()).toEqual(['inputIds', 'tokenTypeIds'])
        const needed = /^bert\.embeddings\.|^bert\.encoder\.layer\.0\.attention\.self\.query\./
        expect(program.parameters.filter((parameter) => !needed.test(parameter))).toEqual([])
        const { inputIds, tokenTypeIds } = smallFeeds(2, 4, 14)
        const given = new Map(program.parameters.map((parameter) => [parameter, weights.get(parameter)!]))
        const result = await program.run(given, { inputIds: inputIds!, tokenTypeIds: tokenTypeIds! })
        expect(result['query.0']!.shape).toEqual([2, 4, smallBert.hiddenSize])
      })
    })

    it('in buffers that are the caller’s: a later run leaves them', async () => {
      await withProgram(engine(), smallGraph, ['logits'], async (program) => {
        const { logits } = await program.run(weights, smallFeeds(2, 5, 15))
        const copy = logits!.data.slice()
        const second = await program.run(weights, smallFeeds(2, 5, 16))
        expect(logits!.data).toEqual(copy)
        expect(second.logits!.data).not.toEqual(copy)
      })
    })

    it('the same where it is given buffers, larger or smaller ones', async () => {
      await withProgram(engine(), smallGraph, ['logits'], async (program) => {
        const [small, large] = [smallFeeds(1, 3, 15), smallFeeds(2, 5, 16)]
        const buffers = new Map<string, Float32Array>()
        for (const fed of [small, large, small]) {
          const { logits } = await program.run(weights, fed, buffers)
          expect(logits).toEqual((await program.run(weights, fed)).logits)
        }
      })
    })

    it('in a buffer each, where two names ask for one value', async () => {
      const names = ['hidden', `residual.${smallBert.numHiddenLayers - 1}.output`]
      await withProgram(engine(), smallGraph, names, async (program) => {
        const [hidden, residual] = Object.values(
          await expectAgreement(program, smallGraph, weights, smallFeeds(2, 3, 17), names),
        )
        hidden!.data.fill(0)
        expect(residual!.data.some((value) => value !== 0)).toBe(true)
      })
    })

    it('at the selected positions alone, in their order', async () => {
      const all = smallFeeds(2, 4, 18)
      const at = (positions: number[]): Feeds => ({
        ...all,
        selectedPositions: { shape: [positions.length], data: Int32Array.from(positions) },
      })
      await withProgram(engine(), smallGraph, ['logits'], async (program) => {
        const everywhere = (await program.run(weights, at([0, 1, 2, 3, 4, 5, 6, 7]))).logits!.data
        const few = (await program.run(weights, at([6, 1, 6]))).logits!
        const width = smallBert.vocabSize
        const rows = [6, 1, 6].flatMap((position) => [...everywhere.subarray(position * width, (position + 1) * width)])
        expectClose(few, { shape: [3, width], data: Float32Array.from(rows) }, 'logits')
      })
    })
  })
}

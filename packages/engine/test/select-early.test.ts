import { bert, type Graph, interpret } from '@isthmus/model'
import { describe, expect, it } from 'vitest'
import { parametersRead, pruneGraph, selectEarly, valuesRead } from '../src/index.ts'
import { drawWeights } from './contract/draw-feeds.ts'
import { smallBert } from './contract/random-bert.ts'
import { smallModels } from './contract/small-models.ts'

/** The linear maps that see all tokens. */
function wholeSequences({ nodes, shapes }: Graph): number {
  return nodes.filter(({ op, output }) => op === 'linear' && shapes[output]!.length === 3).length
}

describe('selectEarly', () => {
  for (const { name, graph, feeds } of smallModels) {
    const names = [...Object.keys(graph.outputs), ...graph.taps.map((tap) => tap.name)]
    const weights = new Map(
      [...drawWeights(graph, 3)].map(([key, { shape, data }]) => [key, { shape, data: Float64Array.from(data) }]),
    )
    const fed = feeds({ batch: 2, sequence: 5 }, 4)

    it(`leaves every output and tap of a small ${name} as it was, to the bit`, () => {
      for (const asked of [names, ...names.map((one) => [one])]) {
        const { graph: early, values } = selectEarly(pruneGraph(graph, asked))
        const outputs = Object.fromEntries(values)
        expect(interpret({ ...early, outputs, taps: [] }, weights, fed, asked)).toEqual(
          interpret(graph, weights, fed, asked),
        )
      }
    })

    it(`reads of a small ${name} only what stands before, and says its shape`, () => {
      for (const asked of names) {
        const { graph: early } = selectEarly(pruneGraph(graph, [asked]))
        const known = new Set([...early.inputs, ...early.parameters].map((given) => given.name))
        for (const node of early.nodes) {
          for (const read of [...valuesRead(node), ...parametersRead(node)]) expect(known.has(read), read).toBe(true)
          expect(Array.isArray(early.shapes[node.output]), node.output).toBe(true)
          expect(known.has(node.output), node.output).toBe(false)
          known.add(node.output)
        }
      }
    })
  }

  it('leaves of the last layer only attention on all tokens', () => {
    const pruned = pruneGraph(bert(smallBert), ['negativeLogLikelihood'])
    expect(wholeSequences(pruned.graph) - wholeSequences(selectEarly(pruned).graph)).toBe(3)
  })

  it('changes nothing where all tokens are asked for', () => {
    const pruned = pruneGraph(bert(smallBert), ['negativeLogLikelihood', 'hidden'])
    expect(selectEarly(pruned)).toEqual(pruned)
  })
})

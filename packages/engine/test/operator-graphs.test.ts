import { interpret } from '@isthmus/model'
import { describe, expect, it } from 'vitest'
import { resolveShape } from '../src/index.ts'
import { drawFeeds, drawWeights } from './contract/draw-feeds.ts'
import { operatorGraphs } from './contract/operator-graphs.ts'

describe('operatorGraphs', () => {
  for (const { name, graph, sizes, limits } of operatorGraphs) {
    it(`have values of the shapes that the interpreter computes: ${name}`, () => {
      const names = Object.keys(graph.outputs)
      const weights = [...drawWeights(graph, 1)].map(
        ([parameter, { shape, data }]) => [parameter, { shape, data: Float64Array.from(data) }] as const,
      )
      const results = interpret(graph, new Map(weights), drawFeeds(graph, sizes, limits, 2), names)
      for (const output of names) {
        expect(resolveShape(graph.shapes[output]!, sizes), output).toEqual(results[output]!.shape)
      }
    })
  }
})

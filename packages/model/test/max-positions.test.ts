import { expect, it } from 'vitest'
import { graphBuilder, maxPositions } from '../src/index.ts'

it('is the rows of the position table from the offset on, and infinite without a table', () => {
  const graph = graphBuilder('test')
  const ids = graph.input('inputIds', 'int32', ['batch', 'sequence'])
  expect(maxPositions(graph.build())).toBe(Number.POSITIVE_INFINITY)
  graph.positions(graph.parameter('positions', [12, 4]), ids, 'placed', 2)
  expect(maxPositions(graph.build())).toBe(10)
})

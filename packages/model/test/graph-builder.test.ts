import { ShapeError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { type GraphBuilder, graphBuilder } from '../src/index.ts'

/** A builder with an input of every rank, and a tensor of features. */
function started() {
  const graph = graphBuilder('toy')
  const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
  const places = graph.input('places', 'int32', ['n'])
  const x = graph.gather(graph.parameter('table', [7, 6]), ids, 'x')
  return { graph, ids, places, x }
}

describe('graphBuilder', () => {
  it('records inputs, parameters, nodes, taps and outputs in the order in which they are made', () => {
    const { graph, ids, places, x } = started()
    const y = graph.linear(x, graph.parameter('w', [6, 6]), graph.parameter('b', [6]), 'y')
    const rows = graph.select(y, places, 'rows')
    graph.tap('ffn.0', 'ffn', 0, y)
    graph.output('rows', rows)
    expect(graph.build()).toEqual({
      architecture: 'toy',
      inputs: [
        { name: ids, dtype: 'int32', shape: ['batch', 'sequence'] },
        { name: places, dtype: 'int32', shape: ['n'] },
      ],
      parameters: [
        { name: 'table', shape: [7, 6] },
        { name: 'w', shape: [6, 6] },
        { name: 'b', shape: [6] },
      ],
      nodes: [
        { op: 'gather', table: 'table', indices: 'ids', output: 'x' },
        { op: 'linear', input: 'x', weight: 'w', bias: 'b', weightLayout: 'outIn', output: 'y' },
        { op: 'select', input: 'y', indices: 'places', output: 'rows' },
      ],
      shapes: {
        ids: ['batch', 'sequence'],
        places: ['n'],
        x: ['batch', 'sequence', 6],
        y: ['batch', 'sequence', 6],
        rows: ['n', 6],
      },
      taps: [{ name: 'ffn.0', site: 'ffn', layer: 0, value: 'y', width: 6 }],
      outputs: { rows: 'rows' },
    })
  })

  it('shares a parameter that is declared twice, if the shapes agree', () => {
    const { graph } = started()
    expect(graph.parameter('table', [7, 6])).toBe(graph.parameter('table', [7, 6]))
    expect(graph.build().parameters).toHaveLength(1)
    expect(() => graph.parameter('table', [6, 7])).toThrow(
      new ShapeError("toy: parameter 'table' is shared, but used as [7, 6] and as [6, 7]"),
    )
  })

  it('gives every value a name of its own', () => {
    const { graph, x } = started()
    expect(() => graph.relu(x, 'x')).toThrow("toy: there is a value or parameter 'x' already")
    expect(() => graph.relu(x, 'table')).toThrow("toy: there is a value or parameter 'table' already")
    expect(() => graph.parameter('x', [1])).toThrow("toy: 'x' is a value already")
    expect(() => graph.relu('z', 'y')).toThrow("toy: 'y' reads 'z', which is not made yet")
    graph.tap('t', 'ffn', 0, x)
    graph.output('o', x)
    expect(() => graph.tap('t', 'ffn', 1, x)).toThrow("toy: there is a tap 't' already")
    expect(() => graph.output('o', x)).toThrow("toy: there is an output 'o' already")
  })

  it('lets a graph that was built stand when it goes on', () => {
    const { graph, x } = started()
    const before = graph.build()
    graph.output('y', graph.tanh(x, 'y'))
    expect([before.nodes.length, Object.keys(before.outputs)]).toEqual([1, []])
  })

  const misuse: [string, (given: ReturnType<typeof started>, graph: GraphBuilder) => unknown, string][] = [
    ['gather', ({ ids }, g) => g.gather(g.parameter('p', [6]), ids, 'y'), 'a table [n, width], found [6]'],
    [
      'positions of what has no sequence',
      ({ places }, g) => g.positions(g.parameter('p', [9, 6]), places, 'y'),
      "'places' to be [batch, sequence, …], found [n]",
    ],
    [
      'positions table',
      ({ ids }, g) => g.positions(g.parameter('p', [2, 9, 6]), ids, 'y'),
      'a table [n, width] or [1, n, width], found [2, 9, 6]',
    ],
    [
      'positions offset',
      ({ ids }, g) => g.positions(g.parameter('p', [9, 6]), ids, 'y', 9),
      "an offset among the 9 rows of 'p', found 9",
    ],
    [
      'positions of a known length',
      (_, g) => g.positions(g.parameter('p', [9, 6]), g.input('long', 'float32', ['batch', 8, 6]), 'y', 2),
      'sequences of at most 7 positions, found 8',
    ],
    ['row', (_, g) => g.row(g.parameter('p', [2, 6]), 2, 'y'), "one of the 2 rows of 'p', found 2"],
    [
      'patches',
      (_, g) => g.patches(g.input('pixels', 'float32', ['batch', 3, 6, 8]), 4, 'y'),
      "'pixels' to be [batch, channels, height, width] with sides that 4 divides, found [batch, 3, 6, 8]",
    ],
    [
      'prepend input',
      ({ x }, g) => g.prepend(g.parameter('p', [1, 1, 6]), x, 'y'),
      "'x' to be [batch, n, width] of a known length n, found [batch, sequence, 6]",
    ],
    [
      'prepend token',
      (_, g) => g.prepend(g.parameter('p', [6]), g.input('tokens', 'float32', ['batch', 4, 6]), 'y'),
      'a token [1, 1, 6], found [6]',
    ],
    [
      'linear weight stored the other way',
      ({ x }, g) => g.linear(x, g.parameter('p', [5, 6]), null, 'y', 'inOut'),
      "a weight [6, out] for 'x' [batch, sequence, 6], found [5, 6]",
    ],
    [
      'slice',
      ({ x }, g) => g.slice(x, { start: 4, size: 3 }, 'y'),
      "features among those of 'x' [batch, sequence, 6], found 4 to 6",
    ],
    [
      'linear weight',
      ({ x }, g) => g.linear(x, g.parameter('p', [6, 5]), null, 'y'),
      "a weight [out, 6] for 'x' [batch, sequence, 6], found [6, 5]",
    ],
    [
      'linear bias',
      ({ x }, g) => g.linear(x, g.parameter('p', [5, 6]), g.parameter('q', [6]), 'y'),
      'a bias [5], found [6]',
    ],
    ['matmul', ({ x }, g) => g.matmul(x, x, {}, 'y'), 'factors of rank 2 that agree in their inner axis, found'],
    [
      'add',
      ({ x, ids }, g) => g.add(x, ids, 'y'),
      "'ids' to have the last axes of 'x' [batch, sequence, 6], found [batch, sequence]",
    ],
    [
      'layerNorm',
      ({ x }, g) => g.layerNorm(x, g.parameter('p', [6]), g.parameter('q', [5]), 1e-5, 'y'),
      "'q' to be [6], found [5]",
    ],
    [
      'attention width',
      ({ x }, g) => g.attention({ query: x, key: x, value: x, mask: null, numHeads: 4, causal: false }, 'y'),
      'a width that 4 heads divide, found 6',
    ],
    [
      'attention rank',
      ({ x, ids }, g) => g.attention({ query: ids, key: x, value: x, mask: null, numHeads: 2, causal: false }, 'y'),
      'query, key and value [batch, sequence, width], found [batch, sequence], ',
    ],
    [
      'attention mask',
      ({ x, places }, g) => g.attention({ query: x, key: x, value: x, mask: places, numHeads: 2, causal: false }, 'y'),
      'a mask [batch, sequence], found [n]',
    ],
    ['select input', ({ places, ids }, g) => g.select(ids, places, 'y'), "'ids' to be [batch, sequence, width], found"],
    ['select indices', ({ x, ids }, g) => g.select(x, ids, 'y'), "'ids' to be [n], found [batch, sequence]"],
    ['first', ({ ids }, g) => g.first(ids, 'y'), "'ids' to be [batch, sequence, width], found [batch, sequence]"],
    [
      'crossEntropy',
      ({ x, places }, g) => g.crossEntropy(x, places, 'y'),
      'logits [n, c] and labels [n], found [batch, sequence, 6] and [n]',
    ],
    [
      'squaredError',
      ({ x, places }, g) => g.squaredError(x, places, 'y'),
      'predictions [n, 1] and labels [n], found [batch, sequence, 6] and [n]',
    ],
  ]
  for (const [name, use, expectation] of misuse) {
    it(`refuses shapes that do not fit: ${name}`, () => {
      const misused = () => {
        const given = started()
        use(given, given.graph)
      }
      expect(misused).toThrow(ShapeError)
      expect(misused).toThrow(`toy: 'y' needs ${expectation}`)
    })
  }

  it('refuses a tap without features', () => {
    const { graph, ids } = started()
    expect(() => graph.tap('t', 'ffn', 0, ids)).toThrow(
      new ShapeError("toy: tap 't' needs features of a known width, found sequence"),
    )
  })
})

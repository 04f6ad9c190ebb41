import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawSymmetry, graphBuilder, keepsFunction, symmetries } from '../src/index.ts'
import { randomModel } from './random-model.ts'

describe('the derived axes', () => {
  it('of an attention whose context is read from outside are fixed in query and key too', () => {
    const graph = graphBuilder('bare attention')
    const pixels = graph.input('pixels', 'float32', ['batch', 'sequence', 4])
    const project = (name: string) =>
      graph.linear(pixels, graph.parameter(`${name}.weight`, [4, 4]), null, `${name}.projection`)
    const [query, key, value] = ['query', 'key', 'value'].map(project) as [string, string, string]
    graph.output('context', graph.attention({ query, key, value, mask: null, numHeads: 2, causal: false }, 'context'))
    expect(symmetries(graph.build()).axes).toEqual([])
  })

  it('without a tap are named after their first member', () => {
    const graph = graphBuilder('perceptron')
    const x = graph.input('x', 'float32', ['batch', 3])
    const hidden = graph.linear(x, graph.parameter('in.weight', [5, 3]), graph.parameter('in.bias', [5]), 'in')
    const out = graph.linear(graph.tanh(hidden, 'tanh'), graph.parameter('out.weight', [2, 5]), null, 'out')
    graph.output('logits', out)
    expect(symmetries(graph.build())).toMatchObject({
      axes: [
        {
          name: 'in.weight[0]',
          size: 5,
          members: [
            { parameter: 'in.weight', axis: 0 },
            { parameter: 'in.bias', axis: 0 },
            { parameter: 'out.weight', axis: 1 },
          ],
          heads: null,
        },
      ],
      fixed: [
        { parameter: 'in.weight', axis: 1 },
        { parameter: 'out.weight', axis: 0 },
      ],
    })
  })

  it('are free along the contracted axis of a product of two tables', () => {
    const graph = graphBuilder('factors')
    const ids = graph.input('ids', 'int32', ['n'])
    const rows = graph.gather(graph.parameter('left', [7, 3]), ids, 'rows')
    const columns = graph.gather(graph.parameter('right', [7, 3]), ids, 'columns')
    graph.output('scores', graph.matmul(rows, columns, { right: true }, 'scores'))
    const derived = symmetries(graph.build())
    expect(derived.axes.map(({ members }) => members)).toEqual([
      [
        { parameter: 'left', axis: 1 },
        { parameter: 'right', axis: 1 },
      ],
    ])
  })

  it('of two attentions in one layer have each their own order of heads', () => {
    const graph = graphBuilder('two attentions')
    const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
    const x = graph.gather(graph.parameter('table', [7, 4]), ids, 'x')
    for (const kind of ['self', 'cross']) {
      const project = (name: string) =>
        graph.linear(x, graph.parameter(`${kind}.${name}.weight`, [4, 4]), null, `${kind}.${name}`)
      const [query, key, value] = ['query', 'key', 'value'].map(project) as [string, string, string]
      const context = graph.attention({ query, key, value, mask: null, numHeads: 2, causal: false }, kind)
      graph.tap(`${kind}.attention.0`, 'attention', 0, context)
    }
    const groups = symmetries(graph.build()).axes.flatMap(({ name, heads }) => (heads ? [[name, heads.group]] : []))
    expect(groups).toEqual([
      ['self.attention.0', 'heads.0'],
      ['cross.attention.0', 'heads.cross.attention.0'],
      ['self.query.weight[0]', 'heads.0'],
      ['cross.query.weight[0]', 'heads.cross.attention.0'],
    ])
  })

  it('cannot be derived where attentions of different numbers of heads share features', () => {
    const graph = graphBuilder('mixed heads')
    const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
    const x = graph.gather(graph.parameter('table', [7, 4]), ids, 'x')
    const once = graph.attention({ query: x, key: x, value: x, mask: null, numHeads: 2, causal: false }, 'two')
    graph.attention({ query: once, key: once, value: once, mask: null, numHeads: 4, causal: false }, 'four')
    expect(() => symmetries(graph.build())).toThrow('attentions of 2 and of 4 heads share the features of two')
  })

  it('of a sliced axis are its segments, as far as slices cut it, each with all that it meets', () => {
    const graph = graphBuilder('fused')
    const x = graph.input('x', 'float32', ['n', 3])
    const fused = graph.linear(
      x,
      graph.parameter('fused.weight', [3, 7]),
      graph.parameter('fused.bias', [7]),
      'f',
      'inOut',
    )
    const wide = graph.slice(graph.relu(fused, 'relu'), { start: 1, size: 6 }, 'wide')
    const first = graph.slice(wide, { start: 0, size: 2 }, 'first')
    const last = graph.slice(fused, { start: 5, size: 2 }, 'last')
    const sum = graph.add(first, graph.tanh(last, 'tanh'), 'sum')
    graph.output('out', graph.linear(sum, graph.parameter('out.weight', [1, 2]), null, 'out'))
    graph.output('scores', graph.slice(fused, { start: 0, size: 1 }, 'scores'))
    const fusedSegment = (offset: number, size: number) => [
      { parameter: 'fused.weight', axis: 1, segment: { offset, size } },
      { parameter: 'fused.bias', axis: 0, segment: { offset, size } },
    ]
    const [weights, biases] = [fusedSegment(1, 2), fusedSegment(5, 2)]
    expect(symmetries(graph.build())).toMatchObject({
      axes: [
        {
          name: 'fused.weight[1]:1',
          size: 2,
          members: [weights[0], biases[0], weights[1], biases[1], { parameter: 'out.weight', axis: 1 }],
        },
        { name: 'fused.weight[1]:3', size: 2, members: fusedSegment(3, 2) },
      ],
      fixed: [{ parameter: 'fused.weight', axis: 0 }, ...fusedSegment(0, 1), { parameter: 'out.weight', axis: 0 }],
    })
  })

  it('of slices that overlap are cut where either starts and ends', () => {
    const graph = graphBuilder('overlap')
    const x = graph.linear(graph.input('x', 'float32', ['n', 2]), graph.parameter('in', [9, 2]), null, 'wide')
    const map = (start: number, name: string) =>
      graph.linear(
        graph.slice(x, { start, size: 6 }, `${name}.part`),
        graph.parameter(name, [1, 6]),
        null,
        `${name}.out`,
      )
    graph.output('sum', graph.add(map(0, 'a'), map(3, 'b'), 'sum'))
    const segment = (parameter: string, axis: number, offset: number) => ({
      parameter,
      axis,
      segment: { offset, size: 3 },
    })
    expect(symmetries(graph.build()).axes.map(({ members }) => members)).toEqual([
      [segment('in', 0, 0), segment('a', 1, 0)],
      [segment('in', 0, 3), segment('a', 1, 3), segment('b', 1, 0)],
      [segment('in', 0, 6), segment('b', 1, 3)],
    ])
  })

  it('cannot be derived where a tap or an attention reads a concatenation as one', () => {
    const graph = graphBuilder('cut heads')
    const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
    const x = graph.gather(graph.parameter('table', [7, 4]), ids, 'x')
    graph.attention({ query: x, key: x, value: x, mask: null, numHeads: 2, causal: false }, 'context')
    graph.slice(x, { start: 0, size: 2 }, 'half')
    const sentence = 'the features of x are a concatenation, and cannot be permuted as one axis'
    expect(() => symmetries(graph.build())).toThrow(sentence)
  })

  it('are fixed where they are flattened into one, and where they number patches', () => {
    const graph = graphBuilder('kernel')
    const pixels = graph.input('pixels', 'float32', ['batch', 2, 4, 4])
    const patches = graph.patches(pixels, 2, 'patches')
    const tokens = graph.linear(patches, graph.parameter('kernel', [5, 2, 2, 2]), null, 'embedded')
    const value = graph.prepend(graph.parameter('token', [1, 1, 5]), tokens, 'tokens')
    graph.tap('residual.embeddings', 'residual', -1, value)
    const fixed = [1, 2, 3].map((axis) => ({ parameter: 'kernel', axis }))
    expect(symmetries(graph.build())).toMatchObject({
      axes: [
        {
          name: 'residual',
          members: [
            { parameter: 'kernel', axis: 0 },
            { parameter: 'token', axis: 2 },
          ],
        },
      ],
      fixed: [...fixed, { parameter: 'token', axis: 0 }, { parameter: 'token', axis: 1 }],
    })
  })

  it('of an unknown tap are an error that lists the taps', () => {
    const graph = graphBuilder('bare')
    const ids = graph.input('ids', 'int32', ['n'])
    graph.tap('ffn.0', 'ffn', 0, graph.gather(graph.parameter('table', [7, 4]), ids, 'rows'))
    expect(() => symmetries(graph.build()).axisOfTap('ffn.1')).toThrow("bare has no tap 'ffn.1'; it has ffn.0")
  })
})

describe('drawSymmetry', () => {
  it('is a function of its seed, and draws from the whole group', () => {
    const [model] = fc.sample(randomModel('bert', { generic: true }), { seed: 7, numRuns: 1 })
    const derived = symmetries(model!.graph)
    expect(drawSymmetry(derived, 3)).toEqual(drawSymmetry(derived, 3))
    const draws = Array.from({ length: 200 }, (_, seed) => drawSymmetry(derived, seed))
    for (const draw of draws) expect(keepsFunction(derived, draw)).toEqual({ kept: true })
    for (const { name, size } of derived.axes) {
      for (let i = 0; i < size; i++) {
        const images = new Set(draws.map((draw) => draw.get(name)![i]!))
        expect(images.size, `${name} ${i}`).toBe(size)
      }
    }
  })
})

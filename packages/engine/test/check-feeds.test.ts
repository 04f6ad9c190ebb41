import { graphBuilder } from '@isthmus/model'
import { ShapeError, UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { checkFeeds, type Feeds, resolveShape, type Weights } from '../src/index.ts'

const builder = graphBuilder('toy')
const ids = builder.input('ids', 'int32', ['batch', 'sequence'])
const mixing = builder.input('mixing', 'float32', ['batch', 4])
builder.gather(builder.parameter('table', [7, 4]), ids, 'rows')
builder.linear(mixing, builder.parameter('weight', [2, 4]), null, 'mixed')
const graph = builder.build()

const weights: Weights = new Map([
  ['table', { shape: [7, 4], data: new Float32Array(28) }],
  ['weight', { shape: [2, 4], data: new Float32Array(8) }],
])
const feeds: Feeds = {
  ids: { shape: [3, 5], data: new Int32Array(15).fill(6) },
  mixing: { shape: [3, 4], data: new Float32Array(12) },
}

describe('checkFeeds', () => {
  it('returns the sizes of the named dimensions', () => {
    const sizes = checkFeeds(graph, weights, feeds)
    expect([...sizes]).toEqual([
      ['batch', 3],
      ['sequence', 5],
    ])
    expect(resolveShape(['sequence', 'batch', 4], sizes)).toEqual([5, 3, 4])
  })

  it('takes no notice of what the graph does not read', () => {
    const more = { ...feeds, labels: { shape: [1], data: Int32Array.of(9) } }
    expect(checkFeeds(graph, new Map(weights).set('other', weights.get('table')!), more).size).toBe(2)
  })

  it('allows empty batches', () => {
    const empty = {
      ids: { shape: [0, 5], data: new Int32Array() },
      mixing: { shape: [0, 4], data: new Float32Array() },
    }
    expect(checkFeeds(graph, weights, empty).get('batch')).toBe(0)
  })

  it('names a dimension of an input that does not fit what another gave it', () => {
    const mixed = { ...feeds, mixing: { shape: [2, 4], data: new Float32Array(8) } }
    expect(() => checkFeeds(graph, weights, mixed)).toThrow(
      new ShapeError(
        "input 'mixing' of toy must be float32 [batch, 4] with batch 3, sequence 5, found Float32Array [2, 4]",
      ),
    )
  })

  it('names a parameter whose data is cut short', () => {
    const cut = new Map(weights).set('weight', { shape: [2, 4], data: new Float32Array(7) })
    expect(() => checkFeeds(graph, cut, feeds)).toThrow(
      new ShapeError("parameter 'weight' of toy of shape [2, 4] has 8 elements, but its data has 7"),
    )
  })

  it('names an index outside of its table, at either end, and allows the last', () => {
    const fed = (id: number) => () =>
      checkFeeds(graph, weights, {
        ...feeds,
        ids: { shape: [1, 1], data: Int32Array.of(id) },
        mixing: { shape: [1, 4], data: new Float32Array(4) },
      })
    const sentence = (id: number) =>
      new UserError(`input 'ids' of toy holds ${id}, but 'table' has 7 rows: the indices are 0 to 6`)
    expect(fed(7)).toThrow(sentence(7))
    expect(fed(-1)).toThrow(sentence(-1))
    expect(fed(6)().get('batch')).toBe(1)
  })

  it('leaves alone indices that the graph computes', () => {
    const inner = graphBuilder('inner')
    const x = inner.input('x', 'float32', ['n'])
    inner.gather(inner.parameter('table', [7, 4]), inner.relu(x, 'rounded'), 'rows')
    const sizes = checkFeeds(inner.build(), weights, { x: { shape: [1], data: Float32Array.of(9) } })
    expect(sizes.get('n')).toBe(1)
  })
})

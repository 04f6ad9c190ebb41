import { drawSymmetry, type Graph, symmetries } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { incomingMembers } from '../src/incoming-members.ts'
import { alignmentKeepsFunction, alignmentMethod, alignWeights, sinkhorn, sinkhornDefaults } from '../src/index.ts'
import { moved, noCorrelation, plainProduct, randomWeights, smallGraphs, type Weights } from './small-models.ts'

const graphs = Object.entries(smallGraphs)

function transported(name: string, graph: Graph, a: Weights, b: Weights, regularization = 0.06) {
  return alignWeights(alignmentMethod(name), {
    graph,
    correlation: noCorrelation,
    a,
    b,
    product: plainProduct,
    sinkhorn: { ...sinkhornDefaults, regularization },
  })
}

/** ‖a_i − b_j‖² between the rows of the same matrices and vectors of two models, `[d, d]`. */
function rowDistances(a: Weights, b: Weights, names: readonly string[]): number[][] {
  const rowOf = (weights: Weights, i: number) =>
    names.flatMap((name) => {
      const { shape, data } = weights.get(name)!
      const width = shape[1] ?? 1
      return [...data.subarray(i * width, (i + 1) * width)]
    })
  const size = a.get(names[0]!)!.shape[0]!
  const rows = [...Array(size).keys()]
  return rows.map((i) =>
    rows.map((j) => {
      const [x, y] = [rowOf(a, i), rowOf(b, j)]
      return x.reduce((sum, value, k) => sum + (value - y[k]!) ** 2, 0)
    }),
  )
}

function cheapest(costs: readonly number[][], left = [...costs.keys()], row = 0): number {
  if (left.length === 0) return 0
  return Math.min(
    ...left.map(
      (j) =>
        costs[row]![j]! +
        cheapest(
          costs,
          left.filter((other) => other !== j),
          row + 1,
        ),
    ),
  )
}

const intermediate = 'bert.encoder.layer.0.intermediate.dense'

describe('exact transport', () => {
  it.each(graphs)('undoes a planted permutation of all axes to the bit, in one pass: %s', async (_, graph) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const a = randomWeights(graph, seed)
        const b = moved(graph, a, drawSymmetry(symmetries(graph), seed))
        const { permutations } = await transported('optimal-transport', graph, a, b)
        expect(moved(graph, b, permutations)).toEqual(a)
      }),
      { seed: 2024, numRuns: 10 },
    )
  })

  it.each(graphs)('stays in the symmetry group: %s', async (_, graph) => {
    const alignment = await transported('optimal-transport', graph, randomWeights(graph, 1), randomWeights(graph, 2))
    expect(alignmentKeepsFunction(graph, alignment)).toEqual({ kept: true })
    expect([...alignment.permutations.keys()].sort()).toEqual(
      symmetries(graph)
        .axes.map(({ name }) => name)
        .sort(),
    )
  })

  it('pairs the neurons whose incoming weights and biases are nearest together', async () => {
    const graph = smallGraphs.bert!
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const [a, b] = [randomWeights(graph, seed), randomWeights(graph, seed + 1)]
        const { permutations } = await transported('ffn/transport', graph, a, b)
        expect([...permutations.keys()]).toEqual(['ffn.0', 'ffn.1'])
        const costs = rowDistances(a, b, [`${intermediate}.weight`, `${intermediate}.bias`])
        const chosen = [...permutations.get('ffn.0')!].reduce((sum, j, i) => sum + costs[i]![j]!, 0)
        expect(Math.abs(chosen - cheapest(costs))).toBeLessThan(1e-9)
      }),
      { numRuns: 30 },
    )
  })

  it('compares a layer’s weights once the stream that they read is transported', async () => {
    const graph = smallGraphs.bert!
    const [a, b] = [randomWeights(graph, 1), randomWeights(graph, 2)]
    const { permutations } = await transported('ffn/transport+residual/transport', graph, a, b)
    const alone = moved(graph, b, [['residual', permutations.get('residual')!]])
    const after = await transported('ffn/transport', graph, a, alone)
    expect(permutations.get('ffn.0')).toEqual(after.permutations.get('ffn.0'))
  })
})

describe('soft transport', () => {
  it.each(graphs)('changes the function, and says so: %s', async (_, graph) => {
    const method = alignmentMethod('optimal-transport/sinkhorn')
    const alignment = await transported(method.name, graph, randomWeights(graph, 1), randomWeights(graph, 2))
    expect(method.symmetry).toBe('broken')
    expect(alignment.permutations.size).toBe(0)
    expect(alignmentKeepsFunction(graph, alignment)).toEqual({
      kept: false,
      reason: `the features of '${alignment.transports!.keys().next().value}' are replaced by means of several, not permuted.`,
    })
    for (const { name, size } of symmetries(graph).axes) {
      expect(alignment.transports!.get(name)!.shape, name).toEqual([size, size])
    }
  })

  it('is the entropic plan of the distances between incoming weights', async () => {
    const graph = smallGraphs.bert!
    const [a, b] = [randomWeights(graph, 3), randomWeights(graph, 4)]
    const { transports } = await transported('ffn/transport/sinkhorn', graph, a, b)
    const costs = Float64Array.from(rowDistances(a, b, [`${intermediate}.weight`, `${intermediate}.bias`]).flat())
    const expected = sinkhorn(costs, 5, sinkhornDefaults).data
    for (const [k, weight] of transports!.get('ffn.0')!.data.entries()) {
      expect(Math.abs(weight - expected[k]!)).toBeLessThan(1e-5)
    }
  })

  it.each(graphs)('of little entropy nearly undoes a planted permutation: %s', async (_, graph) => {
    const a = randomWeights(graph, 5)
    const b = moved(graph, a, drawSymmetry(symmetries(graph), 5))
    const { transports } = await transported('optimal-transport/sinkhorn', graph, a, b, 0.003)
    for (const [name, { data }] of moved(graph, b, transports as ReadonlyMap<string, Tensor>)) {
      for (const [k, value] of data.entries()) expect(Math.abs(value - a.get(name)!.data[k]!), name).toBeLessThan(0.01)
    }
  })

  it('may be of some components only, beside the exact transports of others', async () => {
    const graph = smallGraphs.bert!
    const name = 'ffn/transport/sinkhorn+attention/transport'
    expect(alignmentMethod(name).symmetry).toBe('broken')
    const { permutations, transports } = await transported(
      name,
      graph,
      randomWeights(graph, 1),
      randomWeights(graph, 2),
    )
    expect([...transports!.keys()]).toEqual(['ffn.0', 'ffn.1'])
    expect([...permutations.keys()].sort()).toEqual(['attention.0', 'attention.1', 'queryKey.0', 'queryKey.1'])
  })
})

describe('incomingMembers', () => {
  const incoming = (graph: Graph, name: string) =>
    incomingMembers(graph, symmetries(graph).axes.find((axis) => axis.name === name)!).map(
      ({ parameter, axis }) => `${parameter}[${axis}]`,
    )

  it('are the weights and biases that write a layer, not those that read it', () => {
    expect(incoming(smallGraphs.bert!, 'ffn.0')).toEqual([`${intermediate}.weight[0]`, `${intermediate}.bias[0]`])
  })

  it('lie along the columns where weights are stored by their inputs', () => {
    expect(incoming(smallGraphs.gpt2!, 'ffn.0')).toEqual([
      'transformer.h.0.mlp.c_fc.weight[1]',
      'transformer.h.0.mlp.c_fc.bias[0]',
    ])
    expect(incoming(smallGraphs.gpt2!, 'attention.0')).toEqual([
      'transformer.h.0.attn.c_attn.weight[1]',
      'transformer.h.0.attn.c_attn.bias[0]',
    ])
  })

  it('of the stream are embeddings, norms, and what the layers add to it', () => {
    const names = incoming(smallGraphs.vit!, 'residual')
    expect(names).toEqual(
      expect.arrayContaining([
        'vit.embeddings.cls_token[2]',
        'vit.embeddings.position_embeddings[2]',
        'vit.embeddings.patch_embeddings.projection.weight[0]',
        'vit.encoder.layer.0.output.dense.weight[0]',
        'vit.layernorm.bias[0]',
      ]),
    )
    expect(names.filter((name) => /(query|intermediate\.dense)\.weight|classifier/.test(name))).toEqual([])
  })
})

import { drawSymmetry, type Graph, type PermutableAxis, symmetries } from '@isthmus/model'
import { type Permutation, permutation, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { axisBlocks } from '../src/axis-blocks.ts'
import { alignmentKeepsFunction, alignmentMethod, alignWeights, needsWeights, sinkhornDefaults } from '../src/index.ts'
import { matchWeights } from '../src/weight-matching.ts'
import { WeightPair } from '../src/weight-pair.ts'
import { randomCorrelation } from './random-bert.ts'
import {
  agreementOf,
  moved,
  noCorrelation,
  plainProduct,
  randomWeights,
  smallGraphs,
  type Weights,
} from './small-models.ts'

const graphs = Object.entries(smallGraphs)

function matched(name: string, graph: Graph, a: Weights, b: Weights) {
  return alignWeights(alignmentMethod(name), { graph, correlation: noCorrelation, a, b, product: plainProduct })
}

function arrangements(size: number): number[][] {
  if (size === 0) return [[]]
  return arrangements(size - 1).flatMap((rest) =>
    Array.from({ length: size }, (_, at) => [...rest.slice(0, at), size - 1, ...rest.slice(at)]),
  )
}

/** Every way to permute one axis by itself within the symmetry group: heads stay where they are. */
function permutationsOf({ size, heads }: PermutableAxis): Permutation[] {
  const headSize = size / (heads?.numHeads ?? 1)
  const inside = arrangements(headSize)
  const full = Array.from({ length: size / headSize }).reduce<number[][]>(
    (chosen) => chosen.flatMap((start) => inside.map((inner) => [...start, ...inner.map((i) => start.length + i)])),
    [[]],
  )
  return full.map((order) => permutation(Int32Array.from(order)))
}

/** A parameter whose rows and columns are of the same axis, which makes the best permutation no assignment. */
function isCoupled({ members }: PermutableAxis): boolean {
  return new Set(members.map(({ parameter }) => parameter)).size < members.length
}

describe('weight matching', () => {
  it.each(graphs)('undoes a planted permutation of all axes to the bit: %s', async (_, graph) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const a = randomWeights(graph, seed)
        const b = moved(graph, a, drawSymmetry(symmetries(graph), seed))
        const { permutations } = await matched('weight-matching', graph, a, b)
        expect(moved(graph, b, permutations)).toEqual(a)
      }),
      { seed: 2024, numRuns: 10 },
    )
  })

  it.each(graphs)(
    'stays in the symmetry group, and ends where no axis by itself can be improved: %s',
    async (_, graph) => {
      for (const seed of [1, 2]) {
        const [a, b] = [randomWeights(graph, seed), randomWeights(graph, seed + 100)]
        const alignment = await matched('weight-matching', graph, a, b)
        expect(alignmentKeepsFunction(graph, alignment)).toEqual({ kept: true })
        const aligned = moved(graph, b, alignment.permutations)
        const reached = agreementOf(a, aligned)
        expect(reached).toBeGreaterThan(agreementOf(a, b))
        for (const axis of symmetries(graph).axes) {
          if (isCoupled(axis)) continue
          const others = permutationsOf(axis).map((p) => agreementOf(a, moved(graph, aligned, [[axis.name, p]])))
          // Sums of some hundred products of f32 values, in f64, in another order.
          expect(Math.max(...others), axis.name).toBeLessThanOrEqual(reached + 1e-9)
        }
      }
    },
  )

  it.each(graphs)('ends where no exchange of two heads can improve it: %s', async (_, graph) => {
    const [a, b] = [randomWeights(graph, 1), randomWeights(graph, 2)]
    const { permutations } = await matched('weight-matching', graph, a, b)
    const aligned = moved(graph, b, permutations)
    const blocks = axisBlocks(graph, symmetries(graph).axes).filter(([axis]) => axis!.heads !== null)
    expect(blocks).toHaveLength(2)
    for (const block of blocks) {
      const swapped = block.map(({ name, size }) => {
        const exchanged = Int32Array.from({ length: size }, (_, i) => (i + size / 2) % size)
        return [name, permutation(exchanged)] as const
      })
      const exchanged = moved(graph, aligned, swapped)
      // With the features inside every head free, axis by axis.
      const best = block.reduce(
        (sum, axis) => {
          const gains = permutationsOf(axis).map((p) => agreementOf(a, moved(graph, exchanged, [[axis.name, p]])))
          return sum + Math.max(...gains) - agreementOf(a, exchanged)
        },
        agreementOf(a, exchanged),
      )
      expect(best).toBeLessThanOrEqual(agreementOf(a, aligned) + 1e-9)
    }
  })

  it.each(graphs)('never lowers the agreement on its way: %s', async (_, graph) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const [a, b] = [randomWeights(graph, seed), randomWeights(graph, seed + 1)]
        const pair = new WeightPair(a, b, plainProduct)
        const group = symmetries(graph)
        const reached = [agreementOf(a, b)]
        const { options } = alignmentMethod('ffn/weights').steps[0]!
        const onProgress = () => reached.push(pair.agreement(a.keys()))

        await matchWeights(pair, [{ axes: group.axes, options }], {
          graph,
          symmetries: group,
          sinkhorn: sinkhornDefaults,
          onProgress,
        })
        expect(reached.length).toBeGreaterThan(axisBlocks(graph, group.axes).length)
        for (const [step, value] of reached.slice(1).entries()) {
          expect(value, `step ${step}`).toBeGreaterThanOrEqual(reached[step]! - 1e-9)
        }
      }),
      { numRuns: 10 },
    )
  })

  it.each([
    ['ffn/weights', ['ffn.0', 'ffn.1']],
    ['attention/weights', ['attention.0', 'attention.1', 'queryKey.0', 'queryKey.1']],
    ['residual/weights', ['residual']],
    ['ffn/weights+attention/weights', ['attention.0', 'attention.1', 'ffn.0', 'ffn.1', 'queryKey.0', 'queryKey.1']],
  ])('moves the axes of its components, and no other: %s', async (name, axes) => {
    const graph = smallGraphs.bert!
    const { permutations } = await matched(name, graph, randomWeights(graph, 1), randomWeights(graph, 2))
    expect([...permutations.keys()].sort()).toEqual(axes)
  })

  it('moves also the features of a head that no tied decoder makes the stream’s', async () => {
    const graph = smallGraphs['bert, untied']!
    const { permutations } = await matched('residual/weights', graph, randomWeights(graph, 1), randomWeights(graph, 2))
    expect([...permutations.keys()].sort()).toEqual(['mlmHead', 'residual'])
  })

  it('starts from what is matched by features, and leaves it', async () => {
    const graph = smallGraphs.bert!
    const [a, b] = [randomWeights(graph, 1), randomWeights(graph, 2)]
    const [random] = fc.sample(randomCorrelation(6), { seed: 1, numRuns: 1 })
    const correlation = () => random!
    const method = alignmentMethod('residual/first+ffn/weights')
    expect(needsWeights(method)).toBe(true)
    const { permutations } = await alignWeights(method, { graph, correlation, a, b, product: plainProduct })
    const stream = permutations.get('residual')!
    const alone = await matched('ffn/weights', graph, a, moved(graph, b, [['residual', stream]]))
    expect([...permutations].filter(([name]) => name !== 'residual')).toEqual([...alone.permutations])
    expect([...stream]).not.toEqual([...stream.keys()])
  })

  it('refuses weights that are no finite numbers', async () => {
    const graph = smallGraphs.bert!
    const [a, b] = [randomWeights(graph, 1), randomWeights(graph, 2)]
    b.get('cls.predictions.bias')!.data[3] = Number.NaN
    await expect(matched('weight-matching', graph, a, b)).rejects.toThrow(
      new UserError(
        "'cls.predictions.bias' of model B holds NaN, but weights can be matched only where all are finite numbers: check the checkpoint",
      ),
    )
  })
})

import { drawSymmetry, type Graph, symmetries } from '@isthmus/model'
import { isIdentity, type Permutation, type Tensor, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  alignmentKeepsFunction,
  graphSpace,
  type LearnedMatchingContext,
  learnedComponents,
  learnMatching,
  type PathObjective,
} from '../src/index.ts'
import { permutationGradient } from '../src/permutation-gradient.ts'
import { moved, plainProduct, randomWeights, smallGraphs, type Weights } from './small-models.ts'

const graphs = Object.entries(smallGraphs)
const settings = { steps: 30, learningRate: 0.2, lambdaRange: [0.4, 0.6] as const, evaluateEvery: 5, seed: 3 }

/** L(θ) = ½ ‖θ − θ*‖² over all parameters. */
function distanceTo(target: Weights): PathObjective {
  const heldOutLoss = (weights: Weights) =>
    [...target].reduce((sum, [name, { data }]) => {
      const own = weights.get(name)!.data
      return sum + data.reduce((part, value, i) => part + (own[i]! - value) ** 2 / 2, 0)
    }, 0)
  const gradients = (weights: Weights) => ({
    loss: heldOutLoss(weights),
    gradients: new Map([...weights].map(([name, value]) => [name, combine(value, target.get(name)!, (x, y) => x - y)])),
  })
  return { gradients, heldOutLoss }
}

function combine({ shape, data }: Tensor, other: Tensor, of: (x: number, y: number) => number): Tensor {
  return { shape, data: data.map((x, i) => of(x, other.data[i]!)) }
}

/** Swap two features of every axis, within a head. */
function damaged(graph: Graph, permutations: ReadonlyMap<string, Permutation>): Map<string, Permutation> {
  return new Map(
    symmetries(graph).axes.map(({ name }) => {
      const swapped = permutations.get(name)!.slice() as Permutation
      ;[swapped[0], swapped[1]] = [swapped[1]!, swapped[0]!]
      return [name, swapped]
    }),
  )
}

function inverted(permutations: ReadonlyMap<string, Permutation>): Map<string, Permutation> {
  return new Map(
    [...permutations].map(([name, p]) => {
      const inverse = p.slice() as Permutation
      for (const [i, from] of p.entries()) inverse[from] = i
      return [name, inverse]
    }),
  )
}

/** A is a random model, B the same one moved; the loss is the distance to A, and so least where B is moved back. */
function planted(graph: Graph, seed: number, changes: Partial<LearnedMatchingContext> = {}) {
  const a = randomWeights(graph, seed)
  const away = drawSymmetry(symmetries(graph), seed)
  const back = inverted(away)
  const context: LearnedMatchingContext = {
    graph,
    a,
    b: moved(graph, a, away),
    components: learnedComponents([]),
    objective: distanceTo(a),
    settings,
    product: plainProduct,
    ...changes,
  }
  return { back, context, start: { permutations: damaged(graph, back), space: graphSpace } }
}

describe('the gradient by a permutation', () => {
  it.each(graphs)('is the central difference of the loss by the entries of its matrix: %s', async (_, graph) => {
    const { axes } = symmetries(graph)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        fc.nat(),
        async (seed, lambda, entry) => {
          const [a, b] = [randomWeights(graph, seed), randomWeights(graph, seed + 1)]
          const objective = distanceTo(randomWeights(graph, seed + 2))
          const permutations = drawSymmetry(symmetries(graph), seed)
          const axis = axes[entry % axes.length]!
          const permutation = permutations.get(axis.name)!
          const [row, column] = [entry % axis.size, Math.floor(entry / axis.size) % axis.size]
          const between = (other: Weights) =>
            new Map(
              [...a].map(([name, value]) => [
                name,
                combine(value, other.get(name)!, (x, y) => lambda * x + (1 - lambda) * y),
              ]),
            )
          const bMoved = moved(graph, b, permutations)
          const { gradients } = objective.gradients(between(bMoved), 0)
          const gradient = await permutationGradient(
            axis,
            permutation,
            { lambda, moved: bMoved, gradients },
            plainProduct,
          )
          const step = 2 ** -7
          const lossAt = (change: number) => {
            const data = new Float32Array(axis.size ** 2)
            for (const [i, j] of permutation.entries()) data[i * axis.size + j] = 1
            data[row * axis.size + column]! += change
            const soft = { shape: [axis.size, axis.size], data }
            const others = [...permutations].filter(([name]) => name !== axis.name)
            return objective.heldOutLoss(between(moved(graph, b, [...others, [axis.name, soft]])))
          }
          const difference = (lossAt(step) - lossAt(-step)) / (2 * step)
          const exact = gradient.data[row * axis.size + column]!
          // The loss is of the fourth order in an axis that a parameter has twice; weights are rounded to f32.
          expect(Math.abs(difference - exact)).toBeLessThan(2e-3 * (1 + Math.abs(exact)))
        },
      ),
      { seed: 2025, numRuns: 12 },
    )
  })
})

describe('learned matching', () => {
  it.each(graphs)('undoes the damage to a planted alignment: %s', async (_, graph) => {
    const { back, context, start } = planted(graph, 5)
    const { alignment, bestStep } = await learnMatching(start, context)
    expect(bestStep).toBeGreaterThan(0)
    expect(alignment.permutations).toEqual(back)
  })

  it.each(graphs)('stays in the symmetry group, wherever the gradients lead: %s', async (_, graph) => {
    const noise = (_weights: Weights, step: number) => ({ loss: 1, gradients: randomWeights(graph, 100 + step) })
    let measured = 0
    const objective = { gradients: noise, heldOutLoss: () => -measured++ }
    const { context, start } = planted(graph, 7, { objective })
    const { alignment, curve } = await learnMatching(start, context)
    expect(measured).toBe(curve.length)
    expect(alignment.permutations).not.toEqual(start.permutations)
    expect(alignmentKeepsFunction(graph, alignment)).toEqual({ kept: true })
  })

  it('is never worse than its start on the data that is held out', async () => {
    const graph = smallGraphs.bert!
    const { back, context } = planted(graph, 5)
    const astray: PathObjective = {
      ...context.objective,
      gradients: (_, step) => ({ loss: 1, gradients: randomWeights(graph, 100 + step) }),
    }
    const best = { permutations: back, space: graphSpace }
    const { alignment, curve, bestStep } = await learnMatching(best, { ...context, objective: astray })
    expect(curve.map(({ heldOutLoss }) => heldOutLoss > 0)).toEqual([false, ...curve.slice(1).map(() => true)])
    expect(bestStep).toBe(0)
    expect(alignment).toEqual(best)
  })

  it('measures the start, every few steps and the end, and says which was best', async () => {
    const { context, start } = planted(smallGraphs.bert!, 5, { settings: { ...settings, steps: 12 } })
    const steps: number[] = []
    const { curve, bestStep } = await learnMatching(start, { ...context, onStep: (done) => void steps.push(done) })
    expect(curve.map(({ step }) => step)).toEqual([0, 5, 10, 12])
    expect(curve.map(({ loss }) => loss === null)).toEqual([true, false, false, false])
    const best = curve.reduce((least, point) => (point.heldOutLoss < least.heldOutLoss ? point : least))
    expect(bestStep).toBe(best.step)
    expect(steps).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
  })

  it('follows from its seed alone', async () => {
    const { context, start } = planted(smallGraphs.bert!, 5)
    const once = await learnMatching(start, context)
    expect(await learnMatching(start, context)).toEqual(once)
    const other = await learnMatching(start, { ...context, settings: { ...settings, seed: 4 } })
    expect(other.curve).not.toEqual(once.curve)
  })

  it('learns the components that it is given, and leaves the others as the start has them', async () => {
    const { context, start } = planted(smallGraphs.bert!, 5, { components: ['ffn'] })
    const { alignment } = await learnMatching(start, context)
    for (const [name, permutation] of alignment.permutations) {
      if (name.startsWith('ffn')) expect(permutation, name).not.toEqual(start.permutations.get(name))
      else expect(permutation, name).toEqual(start.permutations.get(name))
    }
  })

  it('starts from the models as they are where an alignment has no permutation', async () => {
    const graph = smallGraphs.bert!
    const a = randomWeights(graph, 1)
    const { context } = planted(graph, 5, { a, b: a, objective: distanceTo(a) })
    const { alignment } = await learnMatching({ permutations: new Map(), space: graphSpace }, context)
    expect([...alignment.permutations.keys()].sort()).toEqual(
      symmetries(graph)
        .axes.map(({ name }) => name)
        .sort(),
    )
    expect([...alignment.permutations.values()].every(isIdentity)).toBe(true)
  })

  it('says at which step a loss or a gradient is not finite', async () => {
    const { context, start } = planted(smallGraphs.bert!, 5)
    const failing = (
      change: (result: ReturnType<PathObjective['gradients']>) => ReturnType<PathObjective['gradients']>,
    ) =>
      learnMatching(start, {
        ...context,
        objective: {
          ...context.objective,
          gradients: (weights, step) => {
            const result = context.objective.gradients(weights, step)
            return step === 2 ? change(result) : result
          },
        },
      })
    await expect(failing((result) => ({ ...result, loss: Number.NaN }))).rejects.toThrow(
      /^step 3 of learning at λ = 0\.\d+ has the loss NaN: check that both models have finite losses on the text$/,
    )
    const broken = failing((result) => {
      const [[name, { shape, data }]] = [...result.gradients] as [[string, Tensor]]
      const gradients = new Map(result.gradients).set(name, { shape, data: data.map(() => Number.POSITIVE_INFINITY) })
      return { ...result, gradients }
    })
    await expect(broken).rejects.toThrow(UserError)
    await expect(broken).rejects.toThrow(/^step 3 of learning at λ = 0\.\d+ has a gradient by '.*' that is not finite/)
  })
})

import { randomStream, sampleWithoutReplacement } from '@isthmus/corpus'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BarrierEstimate, estimateBarrier, lossBarrier } from '../src/index.ts'

/** All that could be evaluated: for each λ the summed loss of each block. */
interface Population {
  readonly lambdas: readonly number[]
  readonly predictions: readonly number[]
  readonly sums: readonly (readonly number[])[]
}

const lambdas = Array.from({ length: 11 }, (_, k) => k / 10)

/** Blocks as those of the shipped text are: about 19 predictions each, losses with a long upper tail, by which a block's
 *  barrier differs by 0.78 nats and its loss at two neighbouring λs by 0.05.
 */
function population(blocks: number, height: (lambda: number) => number): Population {
  const stream = randomStream(1, 'population')
  const normal = () => Math.sqrt(-2 * Math.log(1 - stream.uniform())) * Math.cos(2 * Math.PI * stream.uniform())
  const drawn = Array.from({ length: blocks }, () => {
    const predictions = Array.from({ length: 126 }, () => Number(stream.uniform() < 0.15)).reduce((a, b) => a + b)
    const [own, rise] = [3.6 * Math.exp(0.15 * normal()), Math.exp(0.2 * normal())]
    return { predictions, losses: lambdas.map((lambda) => own + rise * height(lambda) + 0.035 * normal()) }
  })
  return {
    lambdas,
    predictions: drawn.map(({ predictions }) => predictions),
    sums: lambdas.map((_, k) => drawn.map(({ predictions, losses }) => predictions * losses[k]!)),
  }
}

/** One highest λ, as on the shipped models; and a top so flat that five λs are within 0.01. */
const populations = {
  peaked: population(600, (lambda) => 3.9 * Math.sin(Math.PI * lambda) ** 2),
  flat: population(600, (lambda) => 3.9 * (1 - (2 * Math.abs(lambda - 0.5)) ** 6)),
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

function barrierOnAll({ sums, predictions }: Population): number {
  return lossBarrier(sums.map((own, k) => ({ lambda: lambdas[k]!, loss: sum(own) / sum(predictions) }))).barrier
}

/** A population in the order of a seed, and what was asked of it. */
function drawnInOrder({ predictions, sums, ...population }: Population, seed: number) {
  const order = [...sampleWithoutReplacement(randomStream(seed, 'order'), predictions.length, predictions.length)]
  const asked: { lambda: number; from: number; to: number }[] = []
  return {
    asked,
    ...population,
    predictions: order.map((block) => predictions[block]!),
    losses: async (lambda: number, from: number, to: number) => {
      asked.push({ lambda, from, to })
      const own = sums[population.lambdas.indexOf(lambda)]!
      return order.slice(from, to).map((block) => own[block]!)
    },
  }
}

const estimate = (population: Population, seed: number, precision: number) =>
  estimateBarrier(drawnInOrder(population, seed), { precision, confidence: 0.95 })

/** What one might do: look after every block, and stop when 1.96 standard errors of the highest λ are little enough. */
async function naiveEstimate(population: Population, seed: number, precision: number) {
  const { predictions, losses } = drawnInOrder(population, seed)
  const total = predictions.length
  const sums = await Promise.all(lambdas.map((lambda) => losses(lambda, 0, total)))
  for (let n = 5; ; n++) {
    const positions = sum(predictions.slice(0, n))
    const heights = sums.map((own) => sum(own.slice(0, n)))
    const highest = heights.indexOf(Math.max(...heights))
    const differences = sums[highest]!.slice(0, n).map((own, i) => own - (sums[0]![i]! + sums.at(-1)![i]!) / 2)
    const mean = sum(differences) / positions
    const squares = sum(differences.map((difference, i) => (difference - mean * predictions[i]!) ** 2))
    const half = (1.96 * Math.sqrt((((1 - n / total) * squares) / (n - 1)) * n)) / positions
    if (2 * half <= precision || n === total) return { low: mean - half, high: mean + half }
  }
}

type Interval = Pick<BarrierEstimate, 'low' | 'high'>

/** How often the intervals of as many random orders hold the barrier on all blocks. */
async function coverage(population: Population, orders: number, interval: (seed: number) => Promise<Interval>) {
  const barrier = barrierOnAll(population)
  let held = 0
  for (let seed = 0; seed < orders; seed++) {
    const { low, high } = await interval(seed)
    if (low <= barrier + 1e-9 && barrier <= high + 1e-9) held++
  }
  return held / orders
}

const orders = 2000
/** 95 %, less three standard errors of a share of so many. */
const leastCoverage = 0.95 - 3 * Math.sqrt((0.95 * 0.05) / orders)

describe('estimateBarrier', () => {
  for (const [name, population] of Object.entries(populations)) {
    for (const precision of [0.12, 0.2, 0.4]) {
      it(`holds the barrier as often as it says: ${name}, to ${precision}`, async () => {
        expect(await coverage(population, orders, (seed) => estimate(population, seed, precision))).toBeGreaterThan(
          leastCoverage,
        )
      })
    }
  }

  it('is measured by a simulation that an interval which is peeked at fails', async () => {
    const { peaked } = populations
    const found = await coverage(peaked, 500, (seed) => naiveEstimate(peaked, seed, 0.6))
    expect(found).toBeLessThan(leastCoverage)
  })

  it('is as narrow as asked, on no more blocks than that takes, and is exact on all of them', async () => {
    for (const population of Object.values(populations)) {
      let blocks = 0
      for (const precision of [0.5, 0.2, 0.1, 0.02, 1e-9]) {
        const found = await estimate(population, 3, precision)
        expect(found.high - found.low).toBeLessThanOrEqual(precision)
        expect(found.low).toBeLessThanOrEqual(found.barrier)
        expect(found.high).toBeGreaterThanOrEqual(found.barrier)
        expect(found.blocks).toBeGreaterThanOrEqual(blocks)
        blocks = found.blocks
      }
      expect(blocks).toBe(600)
      const { low, barrier, high } = await estimate(population, 3, 1e-9)
      // Sums of 600 losses in f64, in another order.
      for (const value of [low, barrier, high]) expect(Math.abs(value - barrierOnAll(population))).toBeLessThan(1e-9)
    }
  })

  it('evaluates a λ on its blocks once, in order, the ends on all that were drawn, and what is not the maximum on few', async () => {
    const drawn = drawnInOrder(populations.peaked, 5)
    const { points, blocks } = await estimateBarrier(drawn, { precision: 0.1, confidence: 0.95 })
    for (const { lambda, blocks: known } of points) {
      const own = drawn.asked.filter((one) => one.lambda === lambda)
      expect(own.map(({ from }) => from)).toEqual([0, ...own.slice(0, -1).map(({ to }) => to)])
      expect(own.at(-1)!.to).toBe(known)
    }
    const onAll = points.filter((point) => point.blocks === blocks).map(({ lambda }) => lambda)
    expect(onAll).toEqual([0, 0.5, 1])
    expect(Math.max(...points.filter((point) => point.blocks < blocks).map((point) => point.blocks))).toBeLessThan(65)
  })

  it('gives the same for the same order', async () => {
    expect(await estimate(populations.flat, 8, 0.2)).toEqual(await estimate(populations.flat, 8, 0.2))
  })

  it('gives a λ that was dropped the loss on all drawn blocks, where a block differs by the same at every λ', async () => {
    const heights = [1, 2, 4, 2.5, 1]
    const predictions = Array.from({ length: 400 }, (_, i) => 1 + (i % 3))
    const own = predictions.map((_, i) => ((i * 37) % 101) / 50)
    const steps = heights.map((_, k) => k / 4)
    const sums = heights.map((height) => predictions.map((count, i) => count * (height + own[i]!)))
    const { points, blocks } = await estimate({ lambdas: steps, predictions, sums }, 1, 1e-9)
    expect(points.map((point) => point.blocks)).toEqual([blocks, 16, blocks, 16, blocks])
    for (const [k, { loss }] of points.entries()) {
      expect(Math.abs(loss - points[0]!.loss - (heights[k]! - heights[0]!))).toBeLessThan(1e-9)
    }
  })

  it('is the barrier on all of a few blocks, whatever the losses', async () => {
    const curve = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 }), {
      minLength: 1,
      maxLength: 15,
    })
    const property = fc.asyncProperty(curve, fc.double({ min: 1e-6, max: 9, noNaN: true }), async (rows, precision) => {
      const sums = [0, 1, 2].map((k) => rows.map((row) => row[k]!))
      const few = { lambdas: [0, 0.5, 1], predictions: rows.map(() => 1), sums }
      const found = await estimate(few, 2, precision)
      const points = sums.map((own, k) => ({ lambda: k / 2, loss: sum(own) / rows.length }))
      const expected = lossBarrier(points).barrier
      expect(found.blocks).toBe(rows.length)
      for (const value of [found.low, found.barrier, found.high]) {
        expect(Math.abs(value - expected)).toBeLessThan(1e-9)
      }
    })
    await expect(fc.assert(property)).resolves.not.toThrow()
  })

  it('refuses losses that are not finite, naming the λ, and blocks without predictions', async () => {
    const few: Population = {
      lambdas: [0, 0.5, 1],
      predictions: [1, 1],
      sums: [
        [1, 1],
        [1, Number.NaN],
        [1, 1],
      ],
    }
    await expect(estimate(few, 0, 0.1)).rejects.toThrow(
      new UserError('the loss at λ = 0.5 is not finite: the weights hold NaN or infinite values'),
    )
    await expect(estimate({ ...few, predictions: [0, 0] }, 0, 0.1)).rejects.toThrow(
      new UserError('nothing is to be predicted in the evaluation set: use more of it, or a higher mask probability'),
    )
    await expect(estimate({ lambdas: [0, 1], predictions: [], sums: [[], []] }, 0, 0.1)).rejects.toThrow(UserError)
  })
})

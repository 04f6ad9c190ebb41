import type { ResultRows } from '../src/index.ts'

/** λ of every generated curve. */
export const pointsPerResult = 21
const studies = 40
const seeds = 10
const methods = ['vanilla', 'ffn', 'attention', 'embedding', 'residual', 'all-layers', 'weights', 'sinkhorn']
const sites = ['attention', 'ffn', 'residual']
const layers = 4
/** Where the barriers of the methods are, in nats. */
const heights = [3.2, 2.1, 2.4, 2.9, 1.6, 1.1, 1.3, 1.9]

/** Make up the results of a large lab, study by study: each of 40 has variants of 8 methods on 45 pairs of 10 seeds.
 *
 *  A result is one curve of 21 points, with its alignment, the correlations at 12 sites, and where both came from. Losses
 *  have the shape that ours have: a pair's own height, plus a method's, plus noise. The same numbers for the same
 *  `results` on every machine.
 *
 *  @param results Curves over all studies.
 */
export function* manyResults(results: number): Generator<ResultRows> {
  for (let study = 0; study < studies; study++) {
    const first = Math.floor((study * results) / studies)
    const count = Math.floor(((study + 1) * results) / studies) - first
    if (count > 0) yield studyOf(study, count)
  }
}

const pairs = Array.from({ length: seeds }, (_, a) =>
  Array.from({ length: seeds - a - 1 }, (_, step) => [a, a + step + 1] as const),
).flat()

function studyOf(study: number, count: number): ResultRows {
  const random = uniform(study + 1)
  const name = `study-${String(study).padStart(2, '0')}`
  const run = digestOf(random)
  const seconds = 3600 * random()
  const day = String(1 + (study % 28)).padStart(2, '0')
  const tables = {
    studyRuns: [
      {
        ...{ study: name, run, startedAt: `2026-01-${day}T08:00:00.000Z`, finishedAt: `2026-01-${day}T12:00:00.000Z` },
        ...{ settings: { seeds, fraction: [0.05, 0.1, 0.2] }, nodesRan: count * 3, nodesCached: count, nodesFailed: 0 },
        ...{ seconds, version: '0.1.0' },
      },
    ],
    models: Array.from({ length: seeds }, (_, seed) => ({
      ...{ digest: digestOf(random), name: `seed-${seed + 1}`, architecture: 'bert', parameters: 110_000_000 },
      ...{ dtype: 'f32', hiddenSize: 768, layers: 12, heads: 12, vocabulary: 30_522 },
      source: `hf:lab/${name}-seed-${seed + 1}@${digestOf(random).slice(0, 40)}`,
    })),
    alignments: [] as NonNullable<ResultRows['alignments']>[number][],
    correlations: [] as NonNullable<ResultRows['correlations']>[number][],
    curvePoints: [] as NonNullable<ResultRows['curvePoints']>[number][],
    artifacts: [] as NonNullable<ResultRows['artifacts']>[number][],
  }
  for (let index = 0; index < count; index++) {
    const method = index % methods.length
    const [a, b] = pairs[Math.floor(index / methods.length) % pairs.length]!
    const variant = Math.floor(index / (methods.length * pairs.length))
    const [modelA, modelB] = [`seed-${a + 1}`, `seed-${b + 1}`]
    const settings = { fraction: 0.05 * (variant + 1) }
    const place = {
      ...{ study: name, run, variant: JSON.stringify(settings), settings, pair: `${modelA}|${modelB}` },
      ...{ modelA, modelB, method: methods[method]! },
    }
    const key = digestOf(random)
    const curve = digestOf(random)
    const isBroken = methods[method] === 'sinkhorn'
    tables.alignments.push({
      ...place,
      ...{ key, params: { layer: index % layers }, symmetry: isBroken ? 'broken' : 'kept' },
      ...{ maxAbsLogitDifference: isBroken ? random() : 1e-5 * random(), seconds: 10 + 50 * random(), tokens: 100_000 },
    })
    for (const site of sites) {
      for (let layer = 0; layer < layers; layer++) {
        const after = 0.2 + 0.5 * random()
        tables.correlations.push({
          ...{ alignment: key, site, layer, meanDiagonalBefore: 0.01 * random(), meanDiagonalAfter: after },
        })
      }
    }
    const height = Math.max(0, heights[method]! + 0.1 * (a + b) - 0.05 * variant + 0.4 * (random() - 0.5))
    const [lossA, lossB] = [1.7 + 0.01 * a + 0.02 * random(), 1.7 + 0.01 * b + 0.02 * random()]
    for (let step = 0; step < pointsPerResult; step++) {
      const lam = step / (pointsPerResult - 1)
      const isEnd = step === 0 || step === pointsPerResult - 1
      const bump = 4 * lam * (1 - lam) * height + (isEnd ? 0 : 0.02 * (random() - 0.5))
      const loss = lam * lossA + (1 - lam) * lossB + bump
      tables.curvePoints.push({
        ...place,
        ...{ lam, loss, perplexity: Math.exp(loss), positions: 62_336, digest: curve },
      })
    }
    tables.artifacts.push(
      {
        digest: digestOf(random),
        operation: 'align.match',
        key,
        inputs: { a: modelA, b: modelB },
        seconds: 20 * random(),
      },
      {
        digest: curve,
        operation: 'evaluation.curve',
        key: digestOf(random),
        inputs: { aligned: key },
        seconds: 60 * random(),
      },
    )
  }
  return tables
}

/** Mulberry32: the same numbers on every machine, in [0, 1). */
function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** 64 hexadecimal digits. */
function digestOf(random: () => number): string {
  return Array.from({ length: 8 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('')
}

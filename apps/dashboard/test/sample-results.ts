import { createHash } from 'node:crypto'
import type { ResultRows } from '@isthmus/results'

const seeds = [1, 2, 3, 4]
const lambdas = Array.from({ length: 11 }, (_, index) => index / 10)
const sites = ['ffn', 'attention']
const layers = [0, 1, 2, 3]

/** How much of the height of vanilla’s barrier a method leaves. */
const methods: Readonly<Record<string, number>> = { vanilla: 1, ffn: 0.9, 'head-perm': 0.8, 'ignore-heads': 0.7 }

/** The methods of the sample, in alphabetical order. */
export const sampleMethods = Object.keys(methods).sort()

/** The pairs of the sample. */
export const samplePairs = seeds.flatMap((a) => seeds.filter((b) => b > a).map((b) => `seed-${a}|seed-${b}`))

/** A digest that text stands for. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Two studies of four methods on six pairs, with their lineage; of the second, two variants. Losses are made up. */
export function sampleResults(): ResultRows[] {
  return [studyRows('heads', [{}]), studyRows('amount', [{ 'alignment.fraction': 0.1 }, { 'alignment.fraction': 0.5 }])]
}

/** The rows of one study.
 *
 *  @param settings What it varies, one element a variant.
 */
export function studyRows(study: string, settings: readonly Readonly<Record<string, number>>[]): ResultRows {
  const run = digestOf(study)
  const curves = settings.flatMap((swept) =>
    Object.keys(methods).flatMap((method) => samplePairs.map((pair) => curveRows(study, run, swept, pair, method))),
  )
  return {
    studyRuns: [
      {
        study,
        run,
        startedAt: '2026-01-31T12:00:00.000Z',
        finishedAt: '2026-01-31T12:02:00.000Z',
        settings: settings.map((swept) => ({
          seeds,
          engine: { name: 'onnx', executionProvider: 'cpu' },
          alignment: { fraction: swept['alignment.fraction'] ?? 0.1, seed: 0 },
        })),
        nodesRan: 100,
        nodesCached: 20,
        nodesFailed: 0,
        seconds: 120,
        version: '0.1.0',
      },
    ],
    models: seeds.map((seed) => ({
      digest: digestOf(`model ${seed}`),
      name: `seed-${seed}`,
      architecture: 'bert',
      parameters: 1_355_136,
      dtype: 'F32',
      hiddenSize: 128,
      layers: 4,
      heads: 4,
      vocabulary: 4096,
      source: null,
    })),
    alignments: curves.map(({ alignment }) => alignment),
    correlations: curves.flatMap(({ correlations }) => correlations),
    curvePoints: curves.flatMap(({ points }) => points),
    artifacts: [tokens(), ...curves.flatMap(({ artifacts }) => artifacts)],
  }
}

function tokens() {
  const inputs = { books: digestOf('books'), tokenizer: digestOf('tokenizer') }
  return {
    digest: digestOf('tokens'),
    operation: 'corpus.alignment-tokens',
    key: digestOf('tokens key'),
    inputs,
    seconds: 0.5,
  }
}

function curveRows(
  study: string,
  run: string,
  settings: Readonly<Record<string, number>>,
  pair: string,
  method: string,
) {
  const [modelA, modelB] = pair.split('|') as [string, string]
  const [a, b] = [modelA, modelB].map((name) => digestOf(`model ${name.slice('seed-'.length)}`)) as [string, string]
  const variant = Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
  const word = [study, variant, pair, method].join('/')
  const place = { study, run, variant, settings, pair, modelA, modelB, method }
  const height = methods[method]! * (4 + 0.1 * samplePairs.indexOf(pair) - (settings['alignment.fraction'] ?? 0))
  const key = digestOf(`${word} key`)
  const aligned = digestOf(`${word} alignment`)
  const isBroken = method === 'ignore-heads'
  return {
    alignment: {
      ...place,
      key,
      params: { method },
      symmetry: isBroken ? ('broken' as const) : ('kept' as const),
      maxAbsLogitDifference: isBroken ? 9 : 2e-5,
      seconds: 12,
      tokens: method === 'vanilla' ? null : 76_812,
    },
    correlations: sites.flatMap((site) =>
      layers.map((layer) => {
        const after = 0.3 + 0.1 * (1 - methods[method]!) + 0.05 * layer
        return { alignment: key, site, layer, meanDiagonalBefore: 0, meanDiagonalAfter: after }
      }),
    ),
    points: lambdas.map((lam) => {
      const loss = 3.5 + 4 * lam * (1 - lam) * height
      return { ...place, lam, loss, perplexity: Math.exp(loss), positions: 1000, digest: digestOf(`${word} ${lam}`) }
    }),
    artifacts: [
      { digest: aligned, operation: 'alignment.align', key, inputs: { a, b, tokens: digestOf('tokens') }, seconds: 12 },
      ...lambdas.map((lam) => ({
        digest: digestOf(`${word} ${lam}`),
        operation: 'evaluation.interpolated-loss',
        key: digestOf(`${word} ${lam} key`),
        inputs: { a, b, alignment: aligned },
        seconds: 1,
      })),
    ],
  }
}

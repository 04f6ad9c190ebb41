import type { CrossCorrelation } from '@isthmus/activations'
import { alignmentMethod } from '@isthmus/alignment'
import { certifyAssignment, linearSumAssignment } from '@isthmus/assignment'
import type { Checkpoint } from '@isthmus/checkpoint'
import type { Engine, Program } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { applyAlignment, decoderParameter, interpolate, type ParameterReader, untiedReader } from '@isthmus/merging'
import { type Graph, graphOf } from '@isthmus/model'
import { permutation } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Comparison, compareReleasedCode, correlateModels } from '../src/compare-released-code.ts'
import { agrees } from '../src/comparison-table.ts'
import { type ReleasedCode, type ReleasedResult, readReleasedCode, releasedAlignment } from '../src/released-code.ts'
import { fixtures, openShippedModel } from '../src/shipped-files.ts'
import { trainerLoss } from '../src/trainer-loss.ts'

let engine: Engine
let released: ReleasedCode
let a: Checkpoint
let b: Checkpoint
let correlations: ReadonlyMap<string, CrossCorrelation>
let comparisons: Comparison[]

beforeAll(async () => {
  engine = await onnxEngine.create({ executionProvider: 'cpu' })
  released = await readReleasedCode(fixtures)
  a = await openShippedModel('seed-1')
  b = await openShippedModel('seed-2')
  correlations = await correlateModels(engine, released, a, b)
  const isKept = (method: string) => alignmentMethod(method).symmetry === 'kept'
  comparisons = [
    ...(await compare((method) => !method.includes('residual'), released.lambdas)),
    ...(await compare((method) => method.includes('residual') && isKept(method), [0.5])),
    ...(await compare((method) => method.includes('residual') && !isKept(method), [0])),
  ]
}, 900_000)

/** Compare some of the methods, at some of the λ. */
function compare(includes: (method: string) => boolean, lambdas: readonly number[]): Promise<Comparison[]> {
  const results = released.results
    .filter(({ method }) => includes(method))
    .map((result) => ({ ...result, losses: lambdas.map((lambda) => result.losses[released.lambdas.indexOf(lambda)]!) }))
  return compareReleasedCode(engine, { ...released, lambdas, results }, correlations, a, b)
}

afterAll(() => Promise.all([a.close(), b.close()]))

const resultOf = (method: string): ReleasedResult => released.results.find((result) => result.method === method)!

describe('our figures', () => {
  it('agree with the released code’s: diagonals, permutations up to near ties, and losses at every λ', () => {
    expect(comparisons.filter((comparison) => !agrees(comparison))).toEqual([])
    const countOf = (quantity: string) => comparisons.filter((row) => row.quantity.startsWith(quantity)).length
    expect([countOf('diagonal before'), countOf('diagonal after'), countOf('tie of π')]).toEqual([50, 50, 50])
    // Five methods at five λ, five that keep the function at ½, and six that do not at 0; more where permutations differ.
    expect(countOf('loss at λ')).toBeGreaterThanOrEqual(5 * 5 + 5 + 6)
  })

  it('are those of B’s broken endpoint, where the residual stream is overridden', () => {
    const endpoints = new Map(
      comparisons
        .filter(({ method, quantity }) => method.includes('residual') && quantity === 'loss at λ = 0')
        .map(({ method, ours }) => [method, ours.toFixed(3)]),
    )
    expect(Object.fromEntries(endpoints)).toEqual({
      'residual/first/released-code': '8.219',
      'residual/last/released-code': '9.106',
      'residual/all/released-code': '9.490',
      'residual/separate/untied': '10.604',
      'residual/separate/released-code': '9.268',
      'ffn+attention/head-perm+residual/first/released-code': '8.219',
    })
  })

  it('have one permutation at all sites of the residual stream, as theirs, unless they are separate', () => {
    for (const { method, sites } of released.results) {
      const stream = [...sites].filter(([tap]) => tap.startsWith('residual')).map(([, site]) => site.permutation.join())
      if (stream.length === 0) continue
      expect(stream).toHaveLength(9)
      expect(new Set(stream).size, method).toBe(method.includes('separate') ? 9 : 1)
    }
  })

  it('prove the released permutations of freely matched features optimal, by our dual prices', () => {
    const stream = ['first', 'last', 'all', 'separate'].map((mode) => `residual/${mode}/untied`)
    for (const method of ['ffn', 'ffn+attention/ignore-heads', ...stream]) {
      for (const [tap, { permutation: theirs, featureSet }] of resultOf(method).sites) {
        const { matrix, rows } = correlations.get(featureSet)!
        const prices = linearSumAssignment(matrix, rows, { maximize: true })
        const certificate = certifyAssignment(matrix, { ...prices, assignment: theirs }, { maximize: true })
        // Prices are sums of f32 correlations, in f64: rounding is some 1e-13.
        expect(certificate.infeasibility, tap).toBeLessThan(1e-12)
        expect(certificate.dualityGap / rows, tap).toBeLessThan(1e-6)
      }
    }
  })

  it('differ where a released permutation is changed', async () => {
    const ffn = resultOf('ffn')
    const site = ffn.sites.get('ffn.2')!
    const rotated = permutation(site.permutation.map((_, i) => site.permutation[(i + 1) % site.permutation.length]!))
    const sites = new Map([...ffn.sites, ['ffn.2', { ...site, permutation: rotated }]])
    const results = [{ ...ffn, sites, losses: [ffn.losses[2]!] }]
    const tampered = { ...released, lambdas: [0.5], results }
    const found = await compareReleasedCode(engine, tampered, correlations, a, b)
    const differing = found.filter((comparison) => !agrees(comparison))
    expect(differing.map(({ quantity, note }) => `${quantity}: ${note}`)).toEqual([
      'tie of π, ffn.2: 512 of 512 entries of π differ',
      'loss at λ = 0.5: with their permutations',
    ])
  })
})

describe('the released code', () => {
  const ourLoss = (method: string, lambda: number) =>
    comparisons.find((row) => row.method === method && row.quantity === `loss at λ = ${lambda}`)!.ours
  const lossOf = async (graph: Graph, readA: ParameterReader, readB: ParameterReader, lambda: number) => {
    const program: Program = await engine.compile(graph, { outputs: ['negativeLogLikelihood'] })
    const weights = await interpolate(readA, readB, lambda, program.parameters)
    return trainerLoss(program, weights, released.blocks, released.batchSizes)
  }

  it('scales merged queries, keys and values by 0.999995, which is what is left of the difference in loss', async () => {
    const { losses } = resultOf('ffn+attention/head-perm')
    const graph = graphOf(a.config, a.name, { padding: false })
    const aligned = applyAlignment(
      (name) => b.read(name),
      graph,
      releasedAlignment(resultOf('ffn+attention/head-perm'), graph),
    )
    const isAttention = (name: string) => name.includes('attention.self')
    const scaled = await lossOf(
      graph,
      scaledWhere(isAttention, (name) => a.read(name)),
      scaledWhere(isAttention, aligned),
      0.25,
    )
    expect(losses[1]! - ourLoss('ffn+attention/head-perm', 0.25)).toBeGreaterThan(1e-5)
    // Their losses are means of f32 values of about 6, which rounds by some 1e-6.
    expect(Math.abs(losses[1]! - scaled)).toBeLessThan(3e-6)
  })

  it('scales the decoder of a merged residual stream too, which is what is left where that is not permuted', async () => {
    const { losses } = resultOf('residual/identity')
    const tied = graphOf(a.config, a.name, { padding: false })
    const graph = graphOf(a.config, a.name, { padding: false, decoder: 'untied' })
    const scaled = (model: Checkpoint) => {
      const read = untiedReader((name) => model.read(name), tied, graph)
      return scaledWhere((name) => name === decoderParameter(graph), read)
    }
    expect(ourLoss('residual/identity', 0.5) - losses[2]!).toBeGreaterThan(1e-5)
    expect(Math.abs(losses[2]! - (await lossOf(graph, scaled(a), scaled(b), 0.5)))).toBeLessThan(3e-6)
  })

  it('leaves the MLM head alone, though it computes a permutation for it', async () => {
    const { losses } = resultOf('ffn')
    const tied = graphOf(a.config, a.name, { padding: false })
    const graph = graphOf(a.config, a.name, { padding: false, decoder: 'untied' })
    const untied = (model: Checkpoint) => untiedReader((name) => model.read(name), tied, graph)
    const alignment = releasedAlignment(resultOf('ffn'), graph)
    const permutations = new Map([...alignment.permutations, ['mlmHead', resultOf('ffn').headPermutation!] as const])
    const withHead = { ...alignment, permutations }
    const loss = await lossOf(graph, untied(a), applyAlignment(untied(b), graph, withHead), 0.5)
    expect(Math.abs(ourLoss('ffn', 0.5) - losses[2]!)).toBeLessThan(1e-4)
    expect(Math.abs(loss - losses[2]!)).toBeGreaterThan(1e-2)
  })
})

/** Some parameters multiplied by the scale that the released code leaves in. */
function scaledWhere(isScaled: (name: string) => boolean, read: ParameterReader): ParameterReader {
  return async (name) => {
    const { shape, data } = await read(name)
    return { shape, data: isScaled(name) ? data.map((value) => value * 0.999995) : data }
  }
}

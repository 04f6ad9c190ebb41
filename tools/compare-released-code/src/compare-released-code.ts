import {
  type CrossCorrelation,
  correlateFeatures,
  crossCorrelation,
  featureRows,
  meanDiagonal,
} from '@isthmus/activations'
import {
  type Alignment,
  align,
  alignmentMethod,
  alignmentSymmetries,
  decoderOf,
  methodFeatureSets,
} from '@isthmus/alignment'
import type { Checkpoint } from '@isthmus/checkpoint'
import { paddedBatches } from '@isthmus/corpus'
import type { Engine, Program } from '@isthmus/engine'
import { applyAlignment, interpolate, type ParameterReader, readWeights, untiedReader } from '@isthmus/merging'
import { type Graph, graphOf } from '@isthmus/model'
import { identityPermutation, type Permutation } from '@isthmus/tensor'
import { type ReleasedCode, type ReleasedResult, releasedAlignment } from './released-code.ts'
import { trainerLoss } from './trainer-loss.ts'

/** One figure of the released code beside ours. */
export interface Comparison {
  readonly method: string
  readonly quantity: string
  readonly theirs: number
  readonly ours: number
  /** How far apart the two may be. */
  readonly bound: number
  readonly note: string
}

/** How far apart two figures may be, and why. */
export const bounds = {
  /** Of mean diagonal correlations. They agree to 1e-8, the rounding of f32 features: where the released code ran there
   *  was no autocast to half precision. */
  diagonal: 1e-6,
  /** Of the mean correlations that their permutation and ours reach, both by our matrix. Where permutations differ, this
   *  says that they are a near tie: closer than the rounding of features can tell. */
  tie: 1e-6,
  /** Of losses with their permutations. The released code scales merged queries, keys and values by 0.999995, which
   *  moves the loss between the endpoints by 1.4e-5, and with the residual stream the decoder as well; the largest
   *  difference there is 5.1e-5. */
  lossOfTheirs: 1e-4,
  /** Of losses with our permutations, which may differ from theirs in near ties. */
  lossOfOurs: 1e-3,
} as const

/** Compute what the released code computed, on its own tokens and masks, and put it beside its figures.
 *
 *  @param correlations Of `correlateModels`.
 */
export async function compareReleasedCode(
  engine: Engine,
  released: ReleasedCode,
  correlations: ReadonlyMap<string, CrossCorrelation>,
  a: Checkpoint,
  b: Checkpoint,
): Promise<Comparison[]> {
  const setups = {
    tied: await prepare(engine, a, b, 'tied'),
    untied: await prepare(engine, a, b, 'untied'),
  }
  const weightsOfA = await readWeights(setups.tied.readA, setups.tied.program.parameters)
  const lossOfA = await trainerLoss(setups.tied.program, weightsOfA, released.blocks, released.batchSizes)
  const comparisons: Comparison[] = []
  for (const result of released.results) {
    const method = alignmentMethod(result.method)
    const setup = setups[decoderOf(method.space)]
    const ours = align(method, { graph: setup.graph, correlation: (name) => correlations.get(name)! })
    comparisons.push(
      ...compareSites(result, correlations, ours, setup.graph),
      ...(await compareLosses(setup, released, result, ours, lossOfA)),
    )
  }
  await Promise.all([setups.tied.program.dispose(), setups.untied.program.dispose()])
  return comparisons
}

/** Both models with their decoders tied or not, and the program that computes their losses. */
interface Setup {
  readonly graph: Graph
  readonly program: Program
  readonly readA: ParameterReader
  readonly readB: ParameterReader
}

async function prepare(engine: Engine, a: Checkpoint, b: Checkpoint, decoder: 'tied' | 'untied'): Promise<Setup> {
  const tied = graphOf(a.config, a.name, { padding: false })
  const graph = graphOf(a.config, a.name, { padding: false, decoder })
  const program = await engine.compile(graph, { outputs: ['negativeLogLikelihood'] })
  const readerOf = (model: Checkpoint) => untiedReader((name) => model.read(name), tied, graph)
  return { graph, program, readA: readerOf(a), readB: readerOf(b) }
}

/** The correlations of all sites that the compared methods match, over the released code's sentences. */
export async function correlateModels(
  engine: Engine,
  { sentences, results }: ReleasedCode,
  a: Checkpoint,
  b: Checkpoint,
): Promise<ReadonlyMap<string, CrossCorrelation>> {
  const graph = graphOf(a.config, a.name)
  const sets = new Map(
    results
      .flatMap(({ method }) => methodFeatureSets(alignmentMethod(method), graph))
      .map((set) => [set.name, set] as const),
  )
  const tapNames = new Set([...sets.values()].flatMap((set) => set.taps))
  const taps = graph.taps.filter(({ name }) => tapNames.has(name))
  const program = await engine.compile(graph, { outputs: [...tapNames] })
  const features = async (model: Checkpoint) => {
    const weights = await readWeights((name) => model.read(name), program.parameters)
    return featureRows(program, weights, paddedBatches(sentences, { tokensPerBatch: 2048 }), taps)
  }
  const moments = await correlateFeatures(engine, await features(a), await features(b), [...sets.values()])
  await program.dispose()
  return new Map([...moments].map(([name, moment]) => [name, crossCorrelation(moment)]))
}

/** One group of figures for each axis: the sites of the residual stream have one permutation, unless they are separate.
 *  Permutations do not depend on the decoder: those of `released-code` are compared once, under `untied`. */
function compareSites(
  { method, sites }: ReleasedResult,
  correlations: ReadonlyMap<string, CrossCorrelation>,
  { permutations, space }: Alignment,
  graph: Graph,
): Comparison[] {
  if (space.decoder === 'released-code') return []
  const group = alignmentSymmetries(graph, space)
  const axes = new Map([...sites.keys()].reverse().map((tap) => [group.axisOfTap(tap)!.name, tap]))
  return [...axes].reverse().flatMap(([axis, tap]): Comparison[] => {
    const { featureSet, permutation, diagonalBefore, diagonalAfter } = sites.get(tap)!
    const { matrix, rows } = correlations.get(featureSet)!
    const own = permutations.get(axis) ?? identityPermutation(rows)
    const diagonal = (pairing: Permutation | null) => meanDiagonal(matrix, rows, pairing)
    const differing = own.filter((feature, i) => feature !== permutation[i]).length
    const row = (
      quantity: string,
      theirs: number,
      pairing: Permutation | null,
      bound: number,
      note = '',
    ): Comparison => ({
      method,
      quantity: `${quantity}, ${tap}`,
      theirs,
      ours: diagonal(pairing),
      bound,
      note,
    })
    return [
      row('diagonal before', diagonalBefore, null, bounds.diagonal),
      row('diagonal after', diagonalAfter, own, bounds.diagonal),
      row('tie of π', diagonal(permutation), own, bounds.tie, `${differing} of ${rows} entries of π differ`),
    ]
  })
}

async function compareLosses(
  { graph, program, readA, readB }: Setup,
  released: ReleasedCode,
  result: ReleasedResult,
  ours: Alignment,
  lossOfA: number,
): Promise<Comparison[]> {
  const lossesWith = async (alignment: Alignment) => {
    const aligned = applyAlignment(readB, graph, alignment)
    const losses: number[] = []
    for (const lambda of released.lambdas) {
      if (lambda === 1) {
        losses.push(lossOfA)
        continue
      }
      const weights = await interpolate(readA, aligned, lambda, program.parameters)
      losses.push(await trainerLoss(program, weights, released.blocks, released.batchSizes))
    }
    return losses
  }
  const theirs = releasedAlignment(result, graph)
  const rows = (permutations: string, losses: readonly number[], bound: number): Comparison[] =>
    released.lambdas.map((lambda, i) => ({
      method: result.method,
      quantity: `loss at λ = ${lambda}`,
      theirs: result.losses[i]!,
      ours: losses[i]!,
      bound,
      note: permutations,
    }))
  const withTheirs = await lossesWith(theirs)
  if (sameAlignment(ours, theirs)) return rows('', withTheirs, bounds.lossOfTheirs)
  return [
    ...rows('with their permutations', withTheirs, bounds.lossOfTheirs),
    ...rows('with our permutations', await lossesWith(ours), bounds.lossOfOurs),
  ]
}

/** Whether two alignments permute alike; an axis that one leaves out stays as it is. */
function sameAlignment({ permutations: a }: Alignment, { permutations: b }: Alignment): boolean {
  return [...new Set([...a.keys(), ...b.keys()])].every((axis) => {
    const [p, q] = [a.get(axis), b.get(axis)]
    const size = (p ?? q)!.length
    return (p ?? identityPermutation(size)).every((feature, i) => feature === (q ?? identityPermutation(size))[i])
  })
}

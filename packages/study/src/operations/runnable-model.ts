import type { InputArtifact } from '@isthmus/dataflow'
import type { Program, Weights } from '@isthmus/engine'
import { applyAlignment, interpolate, readAlignment, readWeights } from '@isthmus/merging'
import type { EngineParam } from './artifacts.ts'
import { openModel, programOf } from './runtime.ts'

/** A program and the weights to run it with. */
export interface RunnableModel {
  readonly program: Program
  readonly weights: Weights
}

/** What a model is to compute, and with what. */
export interface RunnableOptions {
  readonly padding: boolean
  readonly outputs: readonly string[]
  readonly engine: EngineParam
}

/** The models on a line. */
export interface InterpolatedModels {
  readonly a: InputArtifact
  readonly b: InputArtifact
  readonly alignment: InputArtifact
}

/** A model as it is. */
export async function wholeModel(
  model: InputArtifact,
  { padding, outputs, engine }: RunnableOptions,
): Promise<RunnableModel> {
  await using opened = await openModel(model, { padding })
  const { read, graph } = opened
  const program = await programOf(engine, graph, outputs)
  return { program, weights: await readWeights(read, program.parameters) }
}

/** λ θ_A + (1 − λ) θ_B', with B' as the alignment has it.
 *
 *  @param options `into`: weights of an earlier λ, whose buffers are overwritten.
 */
export async function interpolatedModel(
  { a, b, alignment }: InterpolatedModels,
  options: RunnableOptions & {
    readonly lambda: number
    readonly decoder: 'tied' | 'untied'
    readonly into?: Weights | undefined
  },
): Promise<RunnableModel> {
  const { padding, decoder, lambda, outputs, engine, into } = options
  await using modelA = await openModel(a, { padding, decoder })
  await using modelB = await openModel(b, { padding, decoder })
  const { graph } = modelA
  const program = await programOf(engine, graph, outputs)
  const permutations = await readAlignment(await alignment.path('permutations'))
  const aligned = applyAlignment(modelB.read, graph, permutations)
  return { program, weights: await interpolate(modelA.read, aligned, lambda, program.parameters, into) }
}

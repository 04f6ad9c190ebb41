import type { Graph, PermutableAxis, Symmetries } from '@isthmus/model'
import type { Alignment, MatcherOptions } from './alignment-method.ts'
import type { SinkhornSettings } from './sinkhorn.ts'
import type { WeightPair } from './weight-pair.ts'

/** The axes of one component of a model, and how they are to be moved. */
export interface WeightPart {
  readonly axes: readonly PermutableAxis[]
  readonly options: MatcherOptions
}

/** What a solver may look at beside the weights. */
export interface SolverContext {
  readonly graph: Graph
  readonly symmetries: Symmetries
  readonly sinkhorn: SinkhornSettings
  /** Called with the number of blocks of axes that are settled for now, and of all. */
  readonly onProgress?: (settled: number, blocks: number) => void
}

/** Moves the axes of several components together, by the weights of both models: B of the pair is moved along. */
export type WeightSolver = (
  pair: WeightPair,
  parts: readonly WeightPart[],
  context: SolverContext,
) => Promise<Pick<Alignment, 'permutations' | 'transports'>>

import type { Graph } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'

/** What a result depends on beside its inputs: part of a node's key. */
export interface EngineIdentity {
  readonly name: string
  readonly version: string
  readonly executionProvider: string
}

/** Parameters by their names in the graph. An engine may hold on to the buffers for the length of a run only. */
export type Weights = ReadonlyMap<string, Tensor>

/** What is fed to a run beside the weights, by the graph's input names. */
export type Feeds = Readonly<Record<string, Tensor<Float32Array> | Tensor<Int32Array>>>

/** Buffers of an earlier run by the names of its outputs, which a later run may write into instead of new ones. */
export type OutputBuffers = Map<string, Float32Array>

/** A graph made ready to run. Weights are fed to it, so that one program serves every λ, pair and method. */
export interface Program {
  /** The inputs that the requested outputs depend on; a run needs these and no others. */
  readonly inputs: readonly string[]
  /** The parameters that the requested outputs depend on. */
  readonly parameters: readonly string[]
  /** Compute the outputs that the program was compiled for, by the names they were asked by.
   *
   *  May block the calling thread while it computes. The results are new buffers, owned by the caller.
   *  @param into Buffers that the results may take where they are long enough; those that the results have are left
   *    in it. Results are then valid until the next run that is given it.
   *  @throws {ShapeError} naming the input or parameter that is missing or has the wrong shape.
   */
  run(weights: Weights, feeds: Feeds, into?: OutputBuffers): Promise<Record<string, Tensor>>
  dispose(): Promise<void>
}

export interface CompileOptions {
  /** Names among the graph's `outputs` and its taps: what a run returns. What they do not need is left out. */
  readonly outputs: readonly string[]
  /** Threads within one run. Default 1: work is spread over processes, and results do not depend on their number. */
  readonly threads?: number
}

/** One way to run a graph. */
export interface Engine {
  readonly identity: EngineIdentity
  compile(graph: Graph, options: CompileOptions): Promise<Program>
}

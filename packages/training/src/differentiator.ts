import type { Feeds } from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'

/** A loss, and its gradient with respect to every parameter of the graph. */
export interface LossGradients {
  readonly loss: number
  /** Of the parameters' shapes, by name. The caller's own. */
  readonly gradients: Map<string, Tensor>
}

/** How a loss is computed. */
export interface LossOptions {
  /** Dropout, as training has it: a rate, and what fixes the masks. Default: none. */
  readonly dropout?: { readonly rate: number; readonly seed: number; readonly step: number }
}

/** Computes losses and gradients on one backend of TensorFlow.js. */
export interface Differentiator {
  /** The mean of the graph's `negativeLogLikelihood` over the predictions that are fed, with its gradients.
   *
   *  @param parameters By name, f32; more than the graph has may be given.
   *  @throws {ShapeError | UserError} naming what is fed or given and does not fit the graph.
   */
  gradients(graph: Graph, parameters: ReadonlyMap<string, Tensor>, feeds: Feeds, options?: LossOptions): LossGradients
  /** That mean alone, without dropout. */
  loss(graph: Graph, parameters: ReadonlyMap<string, Tensor>, feeds: Feeds): number
}

/** Load a backend of TensorFlow.js and differentiate with it.
 *
 *  @param executionProvider A backend of engine-tfjs, or `auto` or `cpu` for the fastest here.
 *  @throws {UserError} when this machine lacks the backend.
 */
export async function openDifferentiator(executionProvider: string): Promise<Differentiator> {
  const [{ openBackend }, { lossFunctions }] = await Promise.all([
    import('@isthmus/engine-tfjs/gradients'),
    import('./loss-functions.ts'),
  ])
  return lossFunctions(await openBackend(executionProvider))
}

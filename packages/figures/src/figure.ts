import type { Results } from '@isthmus/results'
import type { DrawnFigure } from './compose-figure.ts'

/** What a figure is drawn of. */
export interface FigureRequest {
  readonly results: Results
  /** A study that has results. */
  readonly study: string
  /** Where figures that show matrices find them; only these need it. */
  readonly tensors?: TensorSource
  /** Names of A and B. Default: the first pair of the study. */
  readonly pair?: readonly [string, string]
  /** Default: 0. */
  readonly layer?: number
  /** The method that matched what a matrix shows. Default: the one that matches attention with the lowest barrier. */
  readonly method?: string
}

/** Tensors that operations left in the cache. */
export interface TensorSource {
  /** Read a tensor of a blob that an operation made.
   *
   *  @param key Of the operation's node.
   *  @returns `undefined` where the cache has no such result any more, or the blob no such tensor.
   */
  read(
    key: string,
    blob: string,
    tensor: string,
  ): Promise<{ readonly shape: readonly number[]; readonly data: ArrayLike<number> } | undefined>
}

/** A figure of a study. */
export interface Figure {
  readonly name: string
  /** One line: what is drawn over what. */
  readonly description: string
  /** Read what is needed, and draw it.
   *
   *  @throws {UserError} saying which study to run, where the data for it are missing.
   */
  draw(request: FigureRequest): Promise<DrawnFigure>
}

import type { FeatureBatch } from '@isthmus/corpus'
import { type Program, selectFeeds, type Weights } from '@isthmus/engine'
import type { Tap } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'

/** Features of some tokens or patches at every tap, padding left out. The consumer owns the buffers. */
export interface FeatureRows {
  /** The sequence (a line, an image) and the position of each row's token or patch, `[rows]`. */
  readonly sequence: Int32Array
  readonly position: Int32Array
  /** `[rows, width]` by tap name. */
  readonly features: ReadonlyMap<string, Tensor>
}

/** Run a model over batches and read its features at some taps.
 *
 *  @param program The model's graph compiled for the taps' names; it is fed what it declares of the batches.
 *  @returns The rows of one batch at a time, in the batches' order; nothing is kept.
 */
export async function* featureRows(
  program: Program,
  weights: Weights,
  batches: Iterable<FeatureBatch>,
  taps: readonly Tap[],
): AsyncGenerator<FeatureRows> {
  for (const { feeds, sequences, length, positions: rows } of batches) {
    const outputs = await program.run(weights, selectFeeds(program, feeds))
    yield {
      sequence: Int32Array.from(rows, (row) => sequences[Math.floor(row / length)]!),
      position: Int32Array.from(rows, (row) => row % length),
      features: new Map(taps.map((tap) => [tap.name, takeRows(outputs[tap.name]!, rows)])),
    }
  }
}

/** Rows of `[…, width]`, its leading axes flattened. All rows: the same buffer. */
function takeRows({ shape, data }: Tensor, rows: Int32Array): Tensor {
  const width = shape.at(-1)!
  if (rows.length * width === data.length) return { shape: [rows.length, width], data }
  const taken = new Float32Array(rows.length * width)
  for (let i = 0; i < rows.length; i++) taken.set(data.subarray(rows[i]! * width, (rows[i]! + 1) * width), i * width)
  return { shape: [rows.length, width], data: taken }
}

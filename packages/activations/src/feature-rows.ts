import type { FeatureBatch } from '@isthmus/corpus'
import { type OutputBuffers, type Program, selectFeeds, type Weights } from '@isthmus/engine'
import type { Tap } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'

/** Features of some tokens or patches at every tap, padding left out. */
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
 *  @returns The rows of one batch at a time, in the batches' order. Their buffers are valid until the next are asked for:
 *    one set of them serves all batches, since features are the largest things that a study allocates.
 */
export async function* featureRows(
  program: Program,
  weights: Weights,
  batches: Iterable<FeatureBatch>,
  taps: readonly Tap[],
): AsyncGenerator<FeatureRows> {
  const buffers: OutputBuffers = new Map()
  for (const { feeds, sequences, length, positions: rows } of batches) {
    const outputs = await program.run(weights, selectFeeds(program, feeds), buffers)
    yield {
      sequence: Int32Array.from(rows, (row) => sequences[Math.floor(row / length)]!),
      position: Int32Array.from(rows, (row) => row % length),
      features: new Map(taps.map((tap) => [tap.name, takeRows(outputs[tap.name]!, rows)])),
    }
  }
}

/** Rows of `[…, width]`, its leading axes flattened, moved to the front of its buffer.
 *
 *  @param rows Increasing.
 */
function takeRows({ shape, data }: Tensor, rows: Int32Array): Tensor {
  const width = shape.at(-1)!
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] !== i) data.copyWithin(i * width, rows[i]! * width, (rows[i]! + 1) * width)
  }
  return { shape: [rows.length, width], data: data.subarray(0, rows.length * width) }
}

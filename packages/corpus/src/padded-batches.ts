import { type Tensor, UserError } from '@isthmus/tensor'
import type { FeatureBatch } from './feature-batch.ts'

/** Sequences of different lengths as one feed, padded at their ends. */
export interface PaddedBatch extends FeatureBatch {
  readonly feeds: {
    /** Shape `[batch, length]`; `padId` where padded, which no real token attends to. */
    readonly inputIds: Tensor<Int32Array>
    /** 0, or 1 in the second sentence of a pair; 0 where padded. Shape `[batch, length]`. */
    readonly tokenTypeIds: Tensor<Int32Array>
    /** 1 at real tokens and 0 at padding, shape `[batch, length]`. */
    readonly attentionMask: Tensor<Int32Array>
  }
}

export interface PaddedBatchesOptions {
  /** The product batch · length at most, padding included. */
  readonly tokensPerBatch: number
  /** The id of padding. Default 0. */
  readonly padId?: number
  /** How many tokens of a sequence have type 0, the rest having type 1; shape `[sequences]`. Default all of them. */
  readonly firstTypeLengths?: ArrayLike<number>
}

/** Group sequences into batches with little padding: sorted by length, then filled up to `tokensPerBatch`.
 *
 *  Every sequence appears exactly once; one that is longer than `tokensPerBatch` gets a batch of its own. Sequences of
 *  equal length keep their order, so the batches are a function of the arguments. Batches are made when asked for.
 *  @param sequences Token ids, none empty; not modified.
 *  @throws {UserError} when `tokensPerBatch` is not a whole number of at least 1, or a sequence is empty.
 */
export function* paddedBatches(
  sequences: readonly Int32Array[],
  options: PaddedBatchesOptions,
): Generator<PaddedBatch, void> {
  const { tokensPerBatch } = options
  if (!Number.isSafeInteger(tokensPerBatch) || tokensPerBatch < 1) {
    throw new UserError(`tokensPerBatch must be a whole number of at least 1, but it is ${tokensPerBatch}`)
  }
  const empty = sequences.findIndex(({ length }) => length === 0)
  if (empty !== -1) throw new UserError(`sequence ${empty} has no tokens; leave it out`)
  const order = sequences.map((_, i) => i).sort((a, b) => sequences[a]!.length - sequences[b]!.length || a - b)
  let start = 0
  for (let end = 1; end <= order.length; end++) {
    const next = order[end]
    if (next !== undefined && (end - start + 1) * sequences[next]!.length <= tokensPerBatch) continue
    yield paddedBatch(sequences, order.slice(start, end), options)
    start = end
  }
}

/** Some sequences as one feed, in the order given.
 *
 *  @param members Their indices in `sequences`, at least one.
 */
export function paddedBatch(
  sequences: readonly Int32Array[],
  members: readonly number[],
  { padId = 0, firstTypeLengths }: Omit<PaddedBatchesOptions, 'tokensPerBatch'> = {},
): PaddedBatch {
  const width = members.reduce((longest, member) => Math.max(longest, sequences[member]!.length), 0)
  const shape = [members.length, width]
  const inputIds = new Int32Array(members.length * width).fill(padId)
  const tokenTypeIds = new Int32Array(members.length * width)
  const attentionMask = new Int32Array(members.length * width)
  const positions = new Int32Array(members.reduce((total, member) => total + sequences[member]!.length, 0))
  let written = 0
  members.forEach((member, row) => {
    const ids = sequences[member]!
    inputIds.set(ids, row * width)
    attentionMask.fill(1, row * width, row * width + ids.length)
    tokenTypeIds.fill(1, row * width + (firstTypeLengths?.[member] ?? ids.length), row * width + ids.length)
    for (let i = 0; i < ids.length; i++) positions[written++] = row * width + i
  })
  return {
    feeds: {
      inputIds: { shape, data: inputIds },
      tokenTypeIds: { shape, data: tokenTypeIds },
      attentionMask: { shape, data: attentionMask },
    },
    sequences: Int32Array.from(members),
    length: width,
    positions,
  }
}

import { writeFileAtomically } from '@isthmus/checkpoint'
import type { Tap } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import { type RecordBatch, RecordBatchFileWriter } from 'apache-arrow'
import { type CaptureType, captureBytes } from './capture-schema.ts'
import type { FeatureRows } from './feature-rows.ts'
import { PendingBatch } from './pending-batch.ts'

const maximumBatchBytes = 64 * 1024 * 1024

/** Write features as one Arrow IPC file: columns `sequence`, `position` and a `FixedSizeList` per tap.
 *
 *  Record batches hold as many rows as fit into 64 MB, whatever the batches that come in, so the file's bytes depend
 *  on the features alone. One record batch is in memory while it is filled and written. The file is there whole
 *  or not at all.
 *  @param onRows Called with the number of rows so far.
 *  @returns The number of rows.
 *  @throws {UserError} when there are no rows, or the file cannot be written; nothing is left behind.
 */
export async function writeCapture(
  path: string,
  rows: AsyncIterable<FeatureRows>,
  taps: readonly Tap[],
  type: CaptureType,
  onRows?: (count: number) => void,
): Promise<number> {
  let count = 0
  const counted = (added: number) => {
    count += added
    onRows?.(count)
  }
  await writeFileAtomically(path, async (file) => {
    await encodeBatches(
      recordBatches(rows, taps, type, counted),
      (batch) => captureBytes(batch.numRows, taps, type),
      (bytes) => file.appendFile(bytes),
    )
    if (count === 0) throw new UserError(`there are no tokens whose features could be written to ${path}`)
  })
  return count
}

async function* recordBatches(
  rows: AsyncIterable<FeatureRows>,
  taps: readonly Tap[],
  type: CaptureType,
  onRows: (added: number) => void,
): AsyncGenerator<RecordBatch> {
  const capacity = Math.max(1, Math.floor(maximumBatchBytes / captureBytes(1, taps, type)))
  const pending = new PendingBatch(capacity, taps, type)
  for await (const incoming of rows) {
    for (let from = 0; from < incoming.sequence.length; ) {
      from += pending.append(incoming, from)
      if (pending.full) yield pending.take()
    }
    onRows(incoming.sequence.length)
  }
  if (pending.rows > 0) yield pending.take()
}

/** Encode batch after batch, and write each before the next is asked for.
 *
 *  @param valueBytes The bytes of a batch's values: a batch is encoded in these and its headers, so that as long as
 *  fewer are written, more are at hand.
 */
async function encodeBatches(
  batches: AsyncIterable<RecordBatch>,
  valueBytes: (batch: RecordBatch) => number,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const writer = new RecordBatchFileWriter()
  const chunks = writer[Symbol.asyncIterator]()
  let missing = 0
  for await (const batch of batches) {
    writer.write(batch)
    for (missing += valueBytes(batch); missing > 0; ) {
      const { value } = await chunks.next()
      await write(value!)
      missing -= value!.byteLength
    }
  }
  writer.finish()
  for await (const chunk of chunks) await write(chunk)
}

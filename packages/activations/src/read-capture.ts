import { type FileHandle, open } from 'node:fs/promises'
import { decodeFloat16, type Tensor, UserError } from '@isthmus/tensor'
import { DataType, type RecordBatch, RecordBatchReader } from 'apache-arrow'
import type { FeatureRows } from './feature-rows.ts'

const magic = 'ARROW1'

/** Read a capture, one record batch of at most 64 MB at a time.
 *
 *  @param path An Arrow IPC file that `writeCapture` wrote.
 *  @param names The taps to read.
 *  @throws {UserError} naming the file, when it cannot be read, is no whole Arrow file, or lacks a tap.
 */
export async function* readCapture(path: string, names: readonly string[]): AsyncGenerator<FeatureRows> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read ${path}: ${cause.message}; check the path`, { cause })
  })
  try {
    await assertWhole(file, path)
    const reader = await (await RecordBatchReader.from(file)).open()
    for await (const batch of reader) {
      yield {
        sequence: integers(batch, 'sequence', path),
        position: integers(batch, 'position', path),
        features: new Map(names.map((name) => [name, features(batch, name, path)])),
      }
    }
  } finally {
    await file.close()
  }
}

/** The Arrow library reads a file that is cut short as an empty one; the format's magic stands at both ends. */
async function assertWhole(file: FileHandle, path: string): Promise<void> {
  const { size } = await file.stat()
  const ends = await Promise.all(
    [0, Math.max(0, size - magic.length)].map(async (position) => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(magic.length), 0, magic.length, position)
      return Buffer.from(buffer.subarray(0, bytesRead)).toString('latin1')
    }),
  )
  if (ends.some((end) => end !== magic)) {
    throw new UserError(`${path} is not an Arrow IPC file, or is cut short; capture it again`)
  }
}

function integers(batch: RecordBatch, name: string, path: string): Int32Array {
  const values = batch.getChild(name)?.data[0]?.values
  if (!(values instanceof Int32Array)) {
    throw new UserError(`${path} is no capture of features: it has no int32 column '${name}'; give another file`)
  }
  return values.subarray(0, batch.numRows)
}

function features(batch: RecordBatch, name: string, path: string): Tensor {
  const data = batch.getChild(name)?.data[0]
  const values = data?.children[0]?.values
  if (data === undefined || !DataType.isFixedSizeList(data.type) || values === undefined) {
    const known = batch.schema.names.filter((other) => other !== 'sequence' && other !== 'position').join(', ')
    throw new UserError(`the capture ${path} has no tap '${name}'; it has ${known}`)
  }
  const width = data.type.listSize
  const stored = values.subarray(0, batch.numRows * width)
  return { shape: [batch.numRows, width], data: stored instanceof Uint16Array ? decodeFloat16(stored) : stored }
}

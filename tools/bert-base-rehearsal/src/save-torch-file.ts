import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'

/** A tensor of a file to be written: its name, or several that share one storage, and its data when it is its turn. */
export interface TorchTensorToWrite {
  readonly names: readonly string[]
  readonly shape: readonly number[]
  data(): Float32Array | BigInt64Array
  readonly storage: 'FloatStorage' | 'LongStorage'
}

/** Write tensors as `torch.save` has written a state dict since PyTorch 1.6: a zip archive, stored, of a pickle and one file a
 *  storage. One tensor is in memory at a time.
 *
 *  @see Python's pickletools, protocol 2; torch/serialization.py.
 */
export async function saveTorchFile(path: string, tensors: readonly TorchTensorToWrite[]): Promise<void> {
  const archive = new ZipFile()
  const options = { compress: false, mtime: new Date(0) }
  archive.addBuffer(pickleStateDict(tensors), 'archive/data.pkl', options)
  for (const [key, tensor] of tensors.entries()) {
    const size = tensor.shape.reduce((product, n) => product * n, tensor.storage === 'LongStorage' ? 8 : 4)
    archive.addReadStreamLazy(`archive/data/${key}`, { ...options, size }, (give) => {
      const { buffer, byteOffset, byteLength } = tensor.data()
      give(null, Readable.from([Buffer.from(buffer, byteOffset, byteLength)]))
    })
  }
  archive.addBuffer(Buffer.from('3\n'), 'archive/version', options)
  archive.end()
  await pipeline(archive.outputStream, createWriteStream(path))
}

function pickleStateDict(tensors: readonly TorchTensorToWrite[]): Buffer {
  const items = tensors.flatMap(({ names, shape, storage }, key) =>
    names.flatMap((name) => [text(name), pickleTensor(key, shape, storage)]),
  )
  return Buffer.concat([op('\x80\x02'), orderedDict, op('('), ...items, op('u.')])
}

/** `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`. */
function pickleTensor(key: number, shape: readonly number[], storage: TorchTensorToWrite['storage']): Buffer {
  const count = shape.reduce((product, n) => product * n, 1)
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1))
  return Buffer.concat([
    op('ctorch._utils\n_rebuild_tensor_v2\n(('),
    ...[text('storage'), op(`ctorch\n${storage}\n`), text(String(key)), text('cpu'), integer(count), op('tQ')],
    ...[integer(0), tuple(shape), tuple(strides), op('\x89'), orderedDict, op('tR')],
  ])
}

const op = (codes: string) => Buffer.from(codes, 'latin1')
const orderedDict = op('ccollections\nOrderedDict\n)R')
const tuple = (values: readonly number[]) => Buffer.concat([op('('), ...values.map(integer), op('t')])

function integer(value: number): Buffer {
  const bytes = Buffer.from('J....', 'latin1')
  bytes.writeInt32LE(value, 1)
  return bytes
}

function text(value: string): Buffer {
  const length = Buffer.from('X....', 'latin1')
  length.writeUInt32LE(Buffer.byteLength(value), 1)
  return Buffer.concat([length, Buffer.from(value)])
}

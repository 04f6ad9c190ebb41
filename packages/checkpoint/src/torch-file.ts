import { bytesPerElement } from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { quote } from './pickle-values.ts'
import type { TensorInfo } from './safetensors-header.ts'
import { isLegacyTorchFile, readLegacyTorchFile } from './torch-legacy.ts'
import { layOutTensors } from './torch-tensors.ts'
import { MAX_PICKLE_BYTES, unpickle } from './unpickle.ts'
import { readZipDirectory, type ZipMember } from './zip-directory.ts'

const REMEDY = 'save or download the file again'

/** Find the tensors of a file that `torch.save` wrote: a zip archive, or what it wrote before PyTorch 1.6.
 *
 *  Reads the pickle with the state dict, by the restricted {@link unpickle}, and the positions of the storages; the
 *  elements stay where they are.
 *  @throws {CheckpointError} naming the file, and what in it is refused.
 */
export async function readTorchFile(files: RangeReader, path: string): Promise<ReadonlyMap<string, TensorInfo>> {
  const start = new Uint8Array(Math.min(16, await files.size(path)))
  await files.read(path, start, 0)
  if (isLegacyTorchFile(start)) return readLegacyTorchFile(files, path)
  if (Buffer.from(start.subarray(0, 4)).toString('latin1') === 'PK\x03\x04') return readZippedTorchFile(files, path)
  throw new CheckpointError(
    `${path} is neither a zip archive nor a file that torch.save wrote before PyTorch 1.6: it begins with the bytes ` +
      `${[...start.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ') || 'of nothing'}; ${REMEDY}`,
  )
}

async function readZippedTorchFile(files: RangeReader, path: string): Promise<ReadonlyMap<string, TensorInfo>> {
  const members = await readZipDirectory(files, path)
  const root = findRoot(members, path)
  const read = async (name: string, limit: number) => {
    const { byteOffset, byteLength } = members.get(name)!
    if (byteLength > limit) {
      throw new CheckpointError(
        `${path} has a ${quote(name)} of ${byteLength} bytes, but at most ${limit} are read; ${REMEDY}`,
      )
    }
    const bytes = new Uint8Array(byteLength)
    await files.read(path, bytes, byteOffset)
    return bytes
  }
  const byteOrder = `${root}/byteorder`
  if (members.has(byteOrder)) assertLittleEndian(await read(byteOrder, 16), path)
  const pickle = await read(`${root}/data.pkl`, MAX_PICKLE_BYTES)
  const { value, end } = unpickle(pickle, 0, path)
  if (end !== pickle.length) {
    throw new CheckpointError(`${path} has ${pickle.length - end} bytes behind the end of its pickle; ${REMEDY}`)
  }
  return layOutTensors(value, path, ({ key, dtype, length }) => {
    const member = members.get(`${root}/data/${key}`)
    const expected = length * bytesPerElement(dtype)
    if (member?.byteLength === expected) return member.byteOffset
    throw new CheckpointError(
      `${path} should have ${expected} bytes in the member ${quote(`${root}/data/${key}`)}, ` +
        `but ${member === undefined ? 'it is missing' : `it has ${member.byteLength}`}; ${REMEDY}`,
    )
  })
}

/** The folder of the archive that holds everything: named for the file that was saved, or `archive`. */
function findRoot(members: ReadonlyMap<string, ZipMember>, path: string): string {
  const roots = [...members.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? [])
  const [root] = roots
  if (root !== undefined && roots.length === 1 && !members.has(`${root}/constants.pkl`)) return root
  const found = roots.length === 1 ? 'it is a TorchScript program' : `it has ${roots.length} members data.pkl`
  throw new CheckpointError(
    `${path} is a zip archive, but not of one state dict: ${found}; save it with torch.save(model.state_dict(), path)`,
  )
}

function assertLittleEndian(bytes: Uint8Array, path: string): void {
  const order = Buffer.from(bytes).toString('latin1')
  if (order !== 'little') {
    throw new CheckpointError(
      `${path} was saved in the byte order ${quote(order)}, but little is read; save it on another machine`,
    )
  }
}

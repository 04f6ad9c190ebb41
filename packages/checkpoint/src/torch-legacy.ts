import { bytesPerElement } from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { PickleEndError } from './pickle-cursor.ts'
import { describePickleValue, type PickleValue, quote, type TorchStorage } from './pickle-values.ts'
import type { TensorInfo } from './safetensors-header.ts'
import { layOutTensors } from './torch-tensors.ts'
import { MAX_PICKLE_BYTES, unpickle } from './unpickle.ts'

/** The pickle of 0x1950a86a20f9469cfc6c, with which every file begins. */
const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]

const PROTOCOL_VERSION = 1001
const REMEDY = 'save or download the file again'

/** Whether a file that begins with these bytes is one that PyTorch wrote before version 1.6. */
export function isLegacyTorchFile(start: Uint8Array): boolean {
  return magic.every((byte, i) => start[i] === byte)
}

/** What stands before the elements. */
interface LegacyPickles {
  readonly stateDict: PickleValue
  /** Keys of the storages in the order of the file. */
  readonly keys: readonly string[]
  /** Index of the byte behind the pickles. */
  readonly end: number
}

/** Find the tensors of a file that PyTorch wrote before version 1.6.
 *
 *  Such a file is five pickles (a magic number, the version, the machine's sizes, the state dict, the keys of the
 *  storages), then for each storage its length (64 bits, little-endian) and its elements.
 *  @throws {CheckpointError} naming the file, and what in it is refused.
 *  @see PyTorch, torch/serialization.py, _legacy_load
 */
export async function readLegacyTorchFile(files: RangeReader, path: string): Promise<ReadonlyMap<string, TensorInfo>> {
  const pickles = await readPickles(files, path)
  const storages = new Map<string, TorchStorage>()
  layOutTensors(pickles.stateDict, path, (storage) => {
    const { key, dtype, length } = storage
    const known = storages.get(key) ?? storage
    if (known.dtype !== dtype || known.length !== length) {
      throw new CheckpointError(`${path} describes the storage ${quote(key)} in two ways; ${REMEDY}`)
    }
    storages.set(key, known)
    return 0
  })
  const offsets = await locateStorages(files, path, pickles, storages)
  return layOutTensors(pickles.stateDict, path, ({ key }) => offsets.get(key)!)
}

/** Read the pickles, whose length is not known before, in stretches that double. */
async function readPickles(files: RangeReader, path: string): Promise<LegacyPickles> {
  const limit = Math.min(await files.size(path), MAX_PICKLE_BYTES)
  for (let length = Math.min(limit, 2 ** 16); ; length = Math.min(limit, 2 * length)) {
    const bytes = new Uint8Array(length)
    await files.read(path, bytes, 0)
    try {
      return parsePickles(bytes, path)
    } catch (error) {
      if (!(error instanceof PickleEndError) || length === limit) throw error
    }
  }
}

function parsePickles(bytes: Uint8Array, path: string): LegacyPickles {
  const version = unpickle(bytes, magic.length, path)
  if (version.value !== PROTOCOL_VERSION) {
    throw new CheckpointError(
      `${path} has the version ${describePickleValue(version.value)} of PyTorch's old format, but ` +
        `${PROTOCOL_VERSION} is read; ${REMEDY}`,
    )
  }
  const machine = unpickle(bytes, version.end, path)
  const { value } = machine
  if (typeof value !== 'object' || value?.kind !== 'dict' || value.entries.get('little_endian') !== true) {
    throw new CheckpointError(
      `${path} was not saved on a little-endian machine, and is not read; save it on another machine`,
    )
  }
  const stateDict = unpickle(bytes, machine.end, path)
  const keys = unpickle(bytes, stateDict.end, path)
  if (typeof keys.value !== 'object' || keys.value?.kind !== 'list') {
    throw new CheckpointError(
      `${path} should list its storages, but has ${describePickleValue(keys.value)} there; ${REMEDY}`,
    )
  }
  const names = keys.value.items.filter((key) => typeof key === 'string')
  return { stateDict: stateDict.value, keys: names, end: keys.end }
}

async function locateStorages(
  files: RangeReader,
  path: string,
  { keys, end }: LegacyPickles,
  storages: ReadonlyMap<string, TorchStorage>,
): Promise<ReadonlyMap<string, number>> {
  const fileBytes = await files.size(path)
  const offsets = new Map<string, number>()
  let position = end
  for (const key of keys) {
    const storage = storages.get(key)
    if (storage === undefined || offsets.has(key)) {
      throw new CheckpointError(
        `${path} lists the storage ${quote(key)}, which ${storage === undefined ? 'no tensor has' : 'it lists before'}; ` +
          REMEDY,
      )
    }
    const dataBytes = storage.length * bytesPerElement(storage.dtype)
    if (position + 8 + dataBytes > fileBytes) {
      throw new CheckpointError(
        `${path} is truncated: storage ${quote(key)} ends at byte ${position + 8 + dataBytes}, ` +
          `but the file has ${fileBytes}; ${REMEDY}`,
      )
    }
    const prefix = new Uint8Array(8)
    await files.read(path, prefix, position)
    const stored = new DataView(prefix.buffer).getBigUint64(0, true)
    if (stored !== BigInt(storage.length)) {
      throw new CheckpointError(
        `${path} stores ${stored} elements for the storage ${quote(key)}, but its tensors tell of ${storage.length}; ${REMEDY}`,
      )
    }
    offsets.set(key, position + 8)
    position += 8 + dataBytes
  }
  const missing = [...storages.keys()].find((key) => !offsets.has(key))
  if (missing !== undefined) throw new CheckpointError(`${path} does not list the storage ${quote(missing)}; ${REMEDY}`)
  if (position !== fileBytes) {
    throw new CheckpointError(`${path} has ${fileBytes - position} bytes behind its last storage; ${REMEDY}`)
  }
  return offsets
}

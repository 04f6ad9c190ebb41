import { bytesPerElement } from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import { describePickleValue, type PickleValue, quote, type TorchStorage, type TorchTensor } from './pickle-values.ts'
import type { TensorInfo } from './safetensors-header.ts'
import { isPacked, stridedLength } from './strided.ts'

/** Where the file keeps the elements of a storage: the first byte.
 *
 *  @throws {CheckpointError} when it keeps none, or another number of bytes than the storage has.
 */
export type LocateStorage = (storage: TorchStorage) => number

const REMEDY = 'save or download the file again'

/** Check the content of a pickle: it must be a state dict, names to tensors that lie within their storages.
 *
 *  @param path The file that errors and tensors name.
 *  @throws {CheckpointError} naming the file and the tensor.
 */
export function layOutTensors(
  stateDict: PickleValue,
  path: string,
  locate: LocateStorage,
): ReadonlyMap<string, TensorInfo> {
  if (typeof stateDict !== 'object' || stateDict?.kind !== 'dict') {
    throw new CheckpointError(
      `${path} must hold a state dict, but holds ${describePickleValue(stateDict)}; ` +
        'save it with torch.save(model.state_dict(), path)',
    )
  }
  const tensors = new Map<string, TensorInfo>()
  for (const [name, value] of stateDict.entries) {
    if (typeof value !== 'object' || value?.kind !== 'tensor') {
      throw new CheckpointError(
        `${path} must hold tensors alone, but ${quote(name)} is ${describePickleValue(value)}; ` +
          'save it with torch.save(model.state_dict(), path)',
      )
    }
    tensors.set(name, layOutTensor(name, value, path, locate))
  }
  return tensors
}

function layOutTensor(name: string, tensor: TorchTensor, path: string, locate: LocateStorage): TensorInfo {
  const { storage, offset, shape, strides } = tensor
  const length = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1)
  const end = offset + stridedLength(shape, strides)
  const subject = `tensor ${quote(name)} of ${path}`
  if (length > 0 && !(end <= storage.length)) {
    throw new CheckpointError(
      `${subject} reaches to element ${end} of its storage ${quote(storage.key)}, which has ${storage.length}: ` +
        `shape [${shape.join(', ')}], strides [${strides.join(', ')}], offset ${offset}; ${REMEDY}`,
    )
  }
  if (!(length <= storage.length)) {
    throw new CheckpointError(
      `${subject} has the shape [${shape.join(', ')}], ${length} elements, on a storage of ${storage.length}: ` +
        'an expanded tensor is not read; save a contiguous copy of it',
    )
  }
  const elementBytes = bytesPerElement(storage.dtype)
  const info = {
    dtype: storage.dtype,
    shape,
    file: path,
    byteOffset: locate(storage) + (length === 0 ? 0 : offset * elementBytes),
    byteLength: length * elementBytes,
  }
  return length === 0 || isPacked(shape, strides) ? info : { ...info, strides }
}

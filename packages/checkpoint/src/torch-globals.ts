import type { DType } from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import {
  describePickleValue,
  type PickleGlobal,
  type PickleTuple,
  type PickleValue,
  quote,
  type TorchStorage,
  type TorchTensor,
} from './pickle-values.ts'

/** The classes by which PyTorch names the type of a storage. Untyped ones are bytes. */
const storageTypes: Readonly<Record<string, DType>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
  'torch.UntypedStorage': 'U8',
  'torch.storage.UntypedStorage': 'U8',
}

/** PyTorch's own limit on the axes of a tensor. */
const MAX_AXES = 64

type Rebuild = (items: readonly PickleValue[]) => PickleValue | undefined

/** The functions that a pickle of tensors calls, as far as they matter here; undefined where the arguments do not fit. */
const functions: Readonly<Record<string, Rebuild>> = {
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': ([data]) => (isTensor(data) ? data : undefined),
  'collections.OrderedDict': orderedDict,
}

/** Look up a global in the allow list.
 *
 *  @throws {CheckpointError} naming the file and the global when it is not there.
 */
export function resolveGlobal(module: string, name: string, path: string): PickleGlobal {
  const full = `${module}.${name}`
  if (Object.hasOwn(functions, full) || Object.hasOwn(storageTypes, full)) return { kind: 'global', name: full }
  throw new CheckpointError(
    `${path} is not read, and nothing of it was run: its pickle asks for the global ${quote(full)}, which is none of ` +
      'those that tensors are made of; do not trust this file, and get the weights as safetensors',
  )
}

/** What a call of an allowed function gives: a tensor, or an OrderedDict.
 *
 *  @throws {CheckpointError} when anything else is called, or with other arguments.
 */
export function applyGlobal(callee: PickleValue, argument: PickleValue, path: string): PickleValue {
  const name = isObject(callee) && callee.kind === 'global' ? callee.name : null
  const result =
    name !== null && Object.hasOwn(functions, name) && isTuple(argument) ? functions[name]!(argument.items) : undefined
  if (result !== undefined) return result
  throw new CheckpointError(
    `${path} is not read, and nothing of it was run: its pickle calls ${describePickleValue(callee)} with ` +
      `${describePickleValue(argument)}, which makes no tensor; get the weights as safetensors`,
  )
}

/** The storage that a persistent id stands for: `('storage', type, key, location, length)`, before PyTorch 1.6 with a
 *  view of another storage at its end, which must be None.
 *
 *  @throws {CheckpointError} when the id is anything else.
 */
export function loadStorage(id: PickleValue, path: string): TorchStorage {
  const [tag, type, key, , length, view = null] = isTuple(id) ? id.items : []
  const dtype = type != null && isObject(type) && type.kind === 'global' ? storageTypes[type.name] : undefined
  if (tag === 'storage' && dtype !== undefined && typeof key === 'string' && isCount(length) && view === null) {
    return { kind: 'storage', dtype, key, length }
  }
  throw new CheckpointError(
    `${path} is not read, and nothing of it was run: its pickle has a persistent id that is no storage of tensors, ` +
      `but ${isTuple(id) ? `(${id.items.slice(0, 6).map(describePickleValue).join(', ')})` : describePickleValue(id)}; ` +
      'get the weights as safetensors',
  )
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`. */
function rebuildTensor(items: readonly PickleValue[]): TorchTensor | undefined {
  const [storage, offset, size, stride] = items
  if (storage == null || !isObject(storage) || storage.kind !== 'storage' || !isCount(offset)) return undefined
  if (!isTuple(size) || !isTuple(stride) || size.items.length !== stride.items.length) return undefined
  if (size.items.length > MAX_AXES) return undefined
  const [shape, strides] = [size.items, stride.items]
  if (!shape.every(isCount) || !strides.every(isCount)) return undefined
  return { kind: 'tensor', storage, offset, shape, strides }
}

/** `OrderedDict()`, or as Python 2 wrote it, `OrderedDict([])`; items are set by operations of their own. */
function orderedDict([pairs = null]: readonly PickleValue[]): PickleValue | undefined {
  if (pairs !== null && (!isObject(pairs) || pairs.kind !== 'list' || pairs.items.length > 0)) return undefined
  return { kind: 'dict', entries: new Map(), ordered: true }
}

function isObject(value: PickleValue): value is Exclude<PickleValue, null | boolean | number | string> {
  return typeof value === 'object' && value !== null
}

function isTuple(value: PickleValue | undefined): value is PickleTuple {
  return value !== undefined && isObject(value) && value.kind === 'tuple'
}

function isTensor(value: PickleValue | undefined): value is TorchTensor {
  return value !== undefined && isObject(value) && value.kind === 'tensor'
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

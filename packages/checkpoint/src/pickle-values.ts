import type { DType } from '@isthmus/tensor'

/** What a pickle of tensors may hold. Nothing else is ever built, so that reading a pickle runs no code of its author. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | TorchStorage
  | TorchTensor

/** A Python tuple. */
export interface PickleTuple {
  readonly kind: 'tuple'
  readonly items: readonly PickleValue[]
}

/** A Python list; grows while its pickle is read. */
export interface PickleList {
  readonly kind: 'list'
  readonly items: PickleValue[]
}

/** A Python dict with text for keys; grows while its pickle is read. */
export interface PickleDict {
  readonly kind: 'dict'
  readonly entries: Map<string, PickleValue>
  /** Whether it is an OrderedDict, which alone may carry attributes. */
  readonly ordered: boolean
}

/** A name of the allow list; what it means is decided where it is used. */
export interface PickleGlobal {
  readonly kind: 'global'
  /** Module and name, `torch._utils._rebuild_tensor_v2`. */
  readonly name: string
}

/** A stretch of elements in the file, on which any number of tensors lie. */
export interface TorchStorage {
  readonly kind: 'storage'
  readonly dtype: DType
  readonly key: string
  /** In elements. */
  readonly length: number
}

/** A tensor as PyTorch describes it: a view of a storage. */
export interface TorchTensor {
  readonly kind: 'tensor'
  readonly storage: TorchStorage
  /** In elements, from the start of the storage. */
  readonly offset: number
  readonly shape: readonly number[]
  /** Elements between neighbours along each axis. */
  readonly strides: readonly number[]
}

/** A value as an error names its type: `an int`, `a tuple of 3`, `the global torch.FloatStorage`. */
export function describePickleValue(value: PickleValue): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return 'a bool'
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'string') return `the text ${quote(value)}`
  if (value.kind === 'global') return `the global ${value.name}`
  if (value.kind === 'dict') return value.ordered ? 'an OrderedDict' : 'a dict'
  if (value.kind === 'tuple' || value.kind === 'list') return `a ${value.kind} of ${value.items.length}`
  return `a ${value.kind}`
}

/** A text out of a file as errors show it: at most 80 characters, none of which steers a terminal. */
export function quote(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 79)}…` : text
  return `'${cut.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)}'`
}

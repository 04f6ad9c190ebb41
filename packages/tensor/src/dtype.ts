/** How the elements of each type are held in memory. The two 16-bit float types are held as their bits. */
export interface DTypeArrays {
  readonly F64: Float64Array
  readonly F32: Float32Array
  readonly F16: Uint16Array
  readonly BF16: Uint16Array
  readonly I64: BigInt64Array
  readonly I32: Int32Array
  readonly I16: Int16Array
  readonly I8: Int8Array
  readonly U64: BigUint64Array
  readonly U32: Uint32Array
  readonly U16: Uint16Array
  readonly U8: Uint8Array
  readonly BOOL: Uint8Array
}

/** The type of a stored tensor's elements, by the names that safetensors uses. */
export type DType = keyof DTypeArrays

/** The constructor of the array that holds each type: `new dtypeArrays.I32(length)`. */
export const dtypeArrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies { readonly [D in DType]: unknown }

/** Whether `name` is a type that can be read and written. */
export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && Object.hasOwn(dtypeArrays, name)
}

/** The size of one element in bytes. */
export function bytesPerElement(dtype: DType): number {
  return dtypeArrays[dtype].BYTES_PER_ELEMENT
}

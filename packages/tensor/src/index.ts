export { decodeBfloat16, encodeBfloat16 } from './bfloat16.ts'
export { bytesPerElement, type DType, type DTypeArrays, dtypeArrays, isDType } from './dtype.ts'
export { ShapeError, UserError } from './errors.ts'
export { decodeFloat16, encodeFloat16 } from './float16.ts'
export { lerp } from './lerp.ts'
export {
  identityPermutation,
  inversePermutation,
  isIdentity,
  type Permutation,
  permutation,
  permuteAxis,
} from './permutation.ts'
export { elementCount, type NumericArray, type Tensor, tensor } from './tensor.ts'
export { transportAxis } from './transport-axis.ts'
export { instantiateKernel, type KernelMemory } from './wasm-kernel.ts'
export { weightedMean } from './weighted-mean.ts'

export { ShapeError, UserError } from './errors.ts'
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

import { ShapeError } from './errors.ts'
import { lerpBlocks } from './lerp-kernel.ts'
import type { Tensor } from './tensor.ts'

/** Interpolate two tensors, in place over `out`.
 *
 *      out = λ a + (1 − λ) b
 *
 *  The arithmetic is in f64 and rounded once to f32. λ = 1 gives `a` and λ = 0 gives `b`, to the bit.
 *  @param out Where the result goes, a tensor of the same shape; may be `a` or `b`. A new one when omitted.
 *  @throws {ShapeError} when the shapes differ.
 */
export function lerp(a: Tensor, b: Tensor, lambda: number, out?: Tensor): Tensor {
  const target = out ?? { shape: a.shape, data: new Float32Array(a.data.length) }
  for (const other of [b, target]) {
    if (other.shape.length !== a.shape.length || other.shape.some((n, i) => n !== a.shape[i])) {
      throw new ShapeError(
        `cannot interpolate shapes [${a.shape.join(', ')}] and [${other.shape.join(', ')}]: they must be equal`,
      )
    }
  }
  const [x, y, z] = [a.data, b.data, target.data]
  // 1 · a + 0 · b would lose the sign of a zero in a, and be NaN where b is infinite.
  if (lambda === 1) z.set(x)
  else if (lambda === 0) z.set(y)
  else lerpBlocks(x, y, lambda, z)
  return target
}

/** How many elements lie from the first of a strided tensor to its last, both counted: 0 where it has none.
 *
 *      1 + Σ_a (shape_a − 1) · strides_a
 */
export function stridedLength(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0
  return shape.reduce((length, size, axis) => length + (size - 1) * strides[axis]!, 1)
}

/** Whether the elements lie one behind the other in the order of the axes, the last axis fastest. */
export function isPacked(shape: readonly number[], strides: readonly number[]): boolean {
  let packed = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== packed) return false
    packed *= shape[axis]!
  }
  return true
}

/** Collect the elements of a strided tensor in the order of its axes.
 *
 *  @param stretch The bytes from its first element on, as many as `stridedLength` says.
 *  @param target As many bytes as the tensor has; overwritten.
 */
export function gatherStrided(
  stretch: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  elementBytes: number,
  target: Uint8Array,
): void {
  const index = shape.map(() => 0)
  let source = 0
  for (let filled = 0; filled < target.length; filled += elementBytes) {
    for (let k = 0; k < elementBytes; k++) target[filled + k] = stretch[source * elementBytes + k]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!
      index[axis]! += 1
      if (index[axis]! < shape[axis]!) break
      source -= shape[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
}

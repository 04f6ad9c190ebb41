import { instantiateKernel, type KernelMemory } from '@isthmus/tensor'

/** `shortest-path-kernel.wat`, assembled; a test compares the two. */
export const shortestPathKernelBase64 =
  'AGFzbQEAAAABDQFgCH9/f39/f3x/AX8DAgEABQMBAAEHEgIGbWVtb3J5AgAFcmVsYXgAAAqvAwGsAwIGfwp7IAVBA3QhCSAG/RQhDiAH' +
  '/REhD0QAAAAAAADwf/0UIRYgFiEXA0AgAiAIaiENIA39AAQAIRIgDf0ABBAhEyAAIAhq/QAEACABIAhq/QAEAP3xASAO/fEBIRAgACAI' +
  'av0ABBAgASAIav0ABBD98QEgDv3xASERIBAgEv1JIRQgESAT/UkhFSAUIBX9UP1TBEAgEiAQ/fYBIRIgEyAR/fYBIRMgDSAS/QsEACAN' +
  'IBP9CwQQIAMgCEEBdmohDSANIA8gDf0ABAAgFCAV/Q0AAQIDCAkKCxAREhMYGRob/VL9CwQACyAWIBL99gEhFiAXIBP99gEhFyAIQSBq' +
  'IgggCUkNAAsgFiAX/fYBIRYgFv0hACAW/SEBpP0UIRZBfyEMQQAhCANAIAIgCGohDSAN/QAEACAW/UchFCAN/QAEECAW/UchFSAUIBX9' +
  'UP1TBEAgFP3EASAV/cQBQQJ0ciEKA0AgCEEDdiAKaGohCyAEIAtBAnRqKAIAQX9GBEAgCw8LIAxBf0YEQCALIQwLIAogCkEBa3EiCg0A' +
  'CwsgCEEgaiIIIAlJDQALIAwL'

interface Kernel {
  readonly memory: KernelMemory
  readonly relax: (
    cost: number,
    price: number,
    distance: number,
    predecessor: number,
    rowOf: number,
    count: number,
    shift: number,
    row: number,
  ) => number
}

/** What a step of Dijkstra over the columns reads and writes; shape `[columns]` each. */
export interface ColumnScan {
  /** The costs of the row from which the step goes out. */
  readonly cost: Float64Array
  /** Column prices; −∞ where a column is done. */
  readonly price: Float64Array
  /** ∞ where a column is done. */
  readonly distance: Float64Array
  /** The row from which a column is reached. */
  readonly predecessor: Int32Array
  /** Row of each column, −1 where free. */
  readonly rowOf: Int32Array
  /** Take each column's distance by `row` where that is shorter.
   *
   *      d_j ← min(d_j, c_j − v_j − shift)
   *
   *  @returns The nearest column: of several a free one, then the lowest.
   */
  relax(row: number, shift: number): number
}

const pageBytes = 65536

/** f64 of cost, price and distance, i32 of predecessor and row. */
const bytesPerColumn = 32

let kernel: Kernel | undefined

/** Views of the kernel's memory, valid until this is called again; prices and distances have to be set.
 *
 *  By SIMD, several times as fast as a loop of JavaScript, to the same bits.
 */
export function columnScan(columns: number): ColumnScan {
  kernel ??= instantiateKernel<Kernel>(shortestPathKernelBase64)
  const { memory, relax } = kernel
  const count = Math.max(4, 4 * Math.ceil(columns / 4))
  const missing = count * bytesPerColumn - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / pageBytes))
  const [price, distance, predecessor, rowOf] = [8, 16, 24, 28].map((bytes) => bytes * count) as [
    number,
    number,
    number,
    number,
  ]
  const floats = (offset: number) => new Float64Array(memory.buffer, offset, columns)
  const integers = (offset: number) => new Int32Array(memory.buffer, offset, columns)
  new Float64Array(memory.buffer, 0, count).fill(0, columns)
  new Float64Array(memory.buffer, price, count).fill(Number.NEGATIVE_INFINITY, columns)
  new Float64Array(memory.buffer, distance, count).fill(Number.POSITIVE_INFINITY, columns)
  return {
    cost: floats(0),
    price: floats(price),
    distance: floats(distance),
    predecessor: integers(predecessor),
    rowOf: integers(rowOf),
    relax: (row, shift) => relax(0, price, distance, predecessor, rowOf, count, shift, row),
  }
}

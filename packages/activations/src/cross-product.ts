import type { Engine, Program } from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'

/** The product `left [rows, dA]ᵀ right [rows, dB]` by an engine, and the buffers in which its factors are prepared.
 *
 *  One serves all feature sets of its widths in turn, so that their buffers are not theirs to hold.
 */
export class CrossProduct {
  readonly widthA: number
  readonly widthB: number
  readonly #program: Program
  #left = new Float32Array(0)
  #right = new Float32Array(0)

  private constructor(program: Program, widthA: number, widthB: number) {
    this.#program = program
    this.widthA = widthA
    this.widthB = widthB
  }

  static async compile(engine: Engine, widthA: number, widthB: number): Promise<CrossProduct> {
    const program = await engine.compile(crossProductGraph(widthA, widthB), { outputs: ['product'] })
    return new CrossProduct(program, widthA, widthB)
  }

  /** Where to put the factors of so many rows: `[rows, dA]` and `[rows, dB]`, to be overwritten before the next
   *  `multiply`. They hold what was left in them. */
  factors(rows: number): { readonly left: Tensor; readonly right: Tensor } {
    const [leftLength, rightLength] = [rows * this.widthA, rows * this.widthB]
    if (this.#left.length < leftLength) this.#left = new Float32Array(leftLength)
    if (this.#right.length < rightLength) this.#right = new Float32Array(rightLength)
    return {
      left: { shape: [rows, this.widthA], data: this.#left.subarray(0, leftLength) },
      right: { shape: [rows, this.widthB], data: this.#right.subarray(0, rightLength) },
    }
  }

  /** @returns `leftᵀ right`, `[dA, dB]`, the caller's; accumulated in f32. */
  async multiply(left: Tensor, right: Tensor): Promise<Float32Array> {
    const { product } = await this.#program.run(new Map(), { left, right })
    return product!.data
  }

  dispose(): Promise<void> {
    return this.#program.dispose()
  }
}

/** The graph of one cross product, `left [rows, dA]ᵀ right [rows, dB]`. */
export function crossProductGraph(widthA: number, widthB: number): Graph {
  return {
    architecture: 'cross-product',
    inputs: [
      { name: 'left', dtype: 'float32', shape: ['rows', widthA] },
      { name: 'right', dtype: 'float32', shape: ['rows', widthB] },
    ],
    parameters: [],
    nodes: [
      { op: 'matmul', left: 'left', right: 'right', transposeLeft: true, transposeRight: false, output: 'product' },
    ],
    taps: [],
    outputs: { product: 'product' },
  }
}

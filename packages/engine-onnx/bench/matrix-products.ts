import type { BertConfig, Graph } from '@isthmus/model'

/** A product `[rows, inner] [columns, inner]ᵀ` that a forward pass computes so many times. */
export interface MatrixProduct {
  readonly rows: number
  readonly inner: number
  readonly columns: number
  readonly times: number
}

/** The matrix products of BERT's linear layers, those of attention left out (they are counted against the rest). */
export function forwardProducts(
  { hiddenSize, intermediateSize, numHiddenLayers, vocabSize }: BertConfig,
  { batch, sequence, selected }: { batch: number; sequence: number; selected: number },
): MatrixProduct[] {
  const rows = batch * sequence
  return [
    { rows, inner: hiddenSize, columns: hiddenSize, times: 4 * numHiddenLayers },
    { rows, inner: hiddenSize, columns: intermediateSize, times: numHiddenLayers },
    { rows, inner: intermediateSize, columns: hiddenSize, times: numHiddenLayers },
    { rows: selected, inner: hiddenSize, columns: hiddenSize, times: 1 },
    { rows: selected, inner: hiddenSize, columns: vocabSize, times: 1 },
  ]
}

/** Multiplications and additions of all repetitions of a product. */
export function productFlops({ rows, inner, columns, times }: MatrixProduct): number {
  return 2 * rows * inner * columns * times
}

/** A graph of one product: ONNX Runtime's MatMul, its right side transposed as a checkpoint's weights are. */
export function productGraph({ inner, columns }: MatrixProduct): Graph {
  return {
    architecture: 'product',
    inputs: [
      { name: 'left', dtype: 'float32', shape: ['rows', inner] },
      { name: 'right', dtype: 'float32', shape: [columns, inner] },
    ],
    parameters: [],
    nodes: [
      { op: 'matmul', left: 'left', right: 'right', transposeLeft: false, transposeRight: true, output: 'product' },
    ],
    taps: [],
    outputs: { product: 'product' },
  }
}

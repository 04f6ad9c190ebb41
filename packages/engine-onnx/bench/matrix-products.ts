import { type BertConfig, type Graph, graphBuilder } from '@isthmus/model'

/** A product `[rows, inner] [inner, columns]` that a forward pass computes so many times. */
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

/** A graph of one product: ONNX Runtime's MatMul, its right side as it is used or as a checkpoint stores weights. */
export function productGraph({ inner, columns }: MatrixProduct, transposed: boolean): Graph {
  const graph = graphBuilder('product')
  const left = graph.input('left', 'float32', ['rows', inner])
  const right = graph.input('right', 'float32', transposed ? [columns, inner] : [inner, columns])
  graph.output('product', graph.matmul(left, right, { right: transposed }, 'product'))
  return graph.build()
}

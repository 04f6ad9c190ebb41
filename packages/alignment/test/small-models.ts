import { bert, distilbert, type Graph, gpt2, randomParameters, roberta, symmetries, vit } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { type AxisMap, type MatrixProduct, moveMember } from '../src/index.ts'

export type Weights = ReadonlyMap<string, Tensor>

/** Two layers of two heads of three features, with nine words: wide enough that no two features are alike. */
const sizes = {
  hiddenSize: 6,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 5,
  vocabSize: 9,
  typeVocabSize: 2,
  maxPositionEmbeddings: 8,
  padTokenId: 1,
  imageSize: 4,
  patchSize: 2,
  numChannels: 2,
  numLabels: 3,
  layerNormEps: 1e-5,
  hiddenAct: 'gelu' as const,
  tieWordEmbeddings: true,
  queryKeyValueBias: true,
}

/** A small graph of every architecture, with the decoders and heads that make other axes. */
export const smallGraphs: Readonly<Record<string, Graph>> = {
  bert: bert(sizes, { padding: false }),
  'bert, untied': bert({ ...sizes, tieWordEmbeddings: false }, { padding: false }),
  'bert classifier': bert({ ...sizes, head: 'sequenceClassification' }, { padding: false }),
  roberta: roberta(sizes, { padding: false }),
  distilbert: distilbert(sizes, { padding: false }),
  gpt2: gpt2(sizes, { padding: false }),
  vit: vit(sizes),
}

/** Random parameters as checkpoints hold them: in f32. */
export function randomWeights(graph: Graph, seed: number): Map<string, Tensor> {
  return new Map(
    [...randomParameters(graph, seed)].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data) },
    ]),
  )
}

/** A model moved along axes of its graph, given by their names. */
export function moved(graph: Graph, weights: Weights, maps: Iterable<readonly [string, AxisMap]>): Map<string, Tensor> {
  const result = new Map(weights)
  const { axes } = symmetries(graph)
  for (const [name, map] of maps) {
    for (const member of axes.find((axis) => axis.name === name)!.members) {
      result.set(member.parameter, moveMember(result.get(member.parameter)!, member, map))
    }
  }
  return result
}

/** Σ ⟨θ_A, θ_B⟩ over all parameters. */
export function agreementOf(a: Weights, b: Weights): number {
  return [...a].reduce((sum, [name, { data }]) => {
    const other = b.get(name)!.data
    return sum + data.reduce((own, value, i) => own + value * other[i]!, 0)
  }, 0)
}

/** Products of matrices by the definition, in f64. */
export const plainProduct: MatrixProduct = async (left, right, transposed) => {
  const columns = (matrix: Tensor) => {
    const [rows, width] = matrix.shape as [number, number]
    const at = (i: number, k: number) => matrix.data[i * width + k]!
    return transposed === 'left'
      ? Array.from({ length: width }, (_, k) => Array.from({ length: rows }, (_, i) => at(i, k)))
      : Array.from({ length: rows }, (_, i) => Array.from({ length: width }, (_, k) => at(i, k)))
  }
  const [x, y] = [columns(left), columns(right)]
  return x.flatMap((a) => y.map((b) => a.reduce((sum, value, k) => sum + value * b[k]!, 0)))
}

/** Correlations of a method that has none. */
export function noCorrelation(): never {
  throw new Error('the method asked for a correlation')
}

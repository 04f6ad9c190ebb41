import { type CrossCorrelation, crossCorrelation, type FeatureMoments, type FeatureSet } from '@isthmus/activations'
import { type BertConfig, bert, type Graph, interpret } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import fc from 'fast-check'

/** Sizes of small BERTs. */
export interface BertSizes {
  readonly layers: number
  readonly numHeads: number
  readonly headSize: number
  readonly intermediateSize: number
}

/** Small BERTs of all shapes: one head, heads of one feature and layers of one feature among them. */
export const bertSizes: fc.Arbitrary<BertSizes> = fc.record({
  layers: fc.integer({ min: 1, max: 3 }),
  numHeads: fc.integer({ min: 1, max: 4 }),
  headSize: fc.integer({ min: 1, max: 4 }),
  intermediateSize: fc.integer({ min: 1, max: 9 }),
})

/** The graph of a small BERT. */
export function smallBert(
  { layers, numHeads, headSize, intermediateSize }: BertSizes,
  decoder: 'tied' | 'untied' = 'tied',
): Graph {
  const config: BertConfig = {
    hiddenSize: numHeads * headSize,
    numHiddenLayers: layers,
    numAttentionHeads: numHeads,
    intermediateSize,
    vocabSize: 50,
    maxPositionEmbeddings: 8,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: 'gelu',
    tieWordEmbeddings: true,
  }
  return bert(config, { padding: false, decoder })
}

/** A correlation matrix `[size, size]` whose elements are drawn independently. */
export function randomCorrelation(size: number): fc.Arbitrary<CrossCorrelation> {
  return fc
    .array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: size * size, maxLength: size * size })
    .map((values) => correlationOf(Float32Array.from(values), size))
}

/** A random correlation for each feature set, by its name. */
export function randomCorrelations(sets: readonly FeatureSet[]): fc.Arbitrary<Map<string, CrossCorrelation>> {
  const pairs = sets.map(({ name, width }) => randomCorrelation(width).map((matrix) => [name, matrix] as const))
  return fc.tuple(...pairs).map((entries) => new Map(entries))
}

export function correlationOf(matrix: Float32Array, size: number): CrossCorrelation {
  return { matrix, rows: size, columns: size, constantA: [], constantB: [] }
}

type Parameters = ReadonlyMap<string, Tensor<Float64Array>>

/** Correlate two models' features over 16 sequences of token ids by the definition, in f64. */
export function correlateInterpreted(
  graph: Graph,
  a: Parameters,
  b: Parameters,
  sets: readonly FeatureSet[],
): Map<string, CrossCorrelation> {
  const shape = [16, 8]
  const inputIds = { shape, data: Int32Array.from({ length: 128 }, (_, i) => (i * i * 7 + 3 * i) % 50) }
  const inputs = { inputIds, tokenTypeIds: { shape, data: new Int32Array(128) } }
  const taps = [...new Set(sets.flatMap((set) => set.taps))]
  const [left, right] = [a, b].map((parameters) => interpret(graph, parameters, inputs, taps))
  const columns = (features: typeof left, set: FeatureSet) => set.taps.map((tap) => columnsOf(features![tap]!))
  return new Map(
    sets.map((set) => {
      const [x, y] = [columns(left, set), columns(right, set)]
      const moments =
        set.combine === 'meanCovariance'
          ? averaged(x.map((own, tap) => momentsOf(own, y[tap]!)))
          : momentsOf(pooled(x.flat(), set.width), pooled(y.flat(), set.width))
      return [set.name, crossCorrelation(moments)]
    }),
  )
}

/** The columns of a tensor `[…, width]`. */
function columnsOf({ shape, data }: Tensor<Float64Array>): number[][] {
  const width = shape.at(-1)!
  return Array.from({ length: width }, (_, column) => [...data.filter((_, i) => i % width === column)])
}

/** Columns of several taps, `width` of each, as one longer column each. */
function pooled(columns: readonly number[][], width: number): number[][] {
  return Array.from({ length: width }, (_, column) => columns.filter((_, i) => i % width === column).flat())
}

function momentsOf(x: readonly number[][], y: readonly number[][]): FeatureMoments {
  const count = x[0]!.length
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / count
  const covariance = (left: readonly number[], right: readonly number[]) => {
    const [meanLeft, meanRight] = [mean(left), mean(right)]
    return mean(left.map((value, i) => (value - meanLeft) * (right[i]! - meanRight)))
  }
  return {
    count,
    meanA: Float64Array.from(x, mean),
    meanB: Float64Array.from(y, mean),
    standardDeviationA: Float64Array.from(x, (column) => Math.sqrt(covariance(column, column))),
    standardDeviationB: Float64Array.from(y, (column) => Math.sqrt(covariance(column, column))),
    covariance: Float64Array.from(x.flatMap((left) => y.map((right) => covariance(left, right)))),
  }
}

/** Moments whose covariances and variances are the means of some. */
function averaged(moments: readonly FeatureMoments[]): FeatureMoments {
  const mean = (of: (item: FeatureMoments) => Float64Array) =>
    of(moments[0]!).map((_, i) => moments.reduce((sum, item) => sum + of(item)[i]!, 0) / moments.length)
  const squares = (deviations: Float64Array) => deviations.map((deviation) => deviation * deviation)
  return {
    ...moments[0]!,
    standardDeviationA: mean(({ standardDeviationA }) => squares(standardDeviationA)).map(Math.sqrt),
    standardDeviationB: mean(({ standardDeviationB }) => squares(standardDeviationB)).map(Math.sqrt),
    covariance: mean(({ covariance }) => covariance),
  }
}

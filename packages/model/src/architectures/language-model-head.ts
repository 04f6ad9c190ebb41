import type { ValueId } from '../graph.ts'
import type { GraphBuilder } from '../graph-builder.ts'
import { type Activation, activation, dense, layerNorm } from './layers.ts'

/** What a model for masked language modelling puts on its encoder, by the names of the checkpoint. */
export interface MaskedLanguageModelHead {
  readonly hiddenSize: number
  readonly vocabSize: number
  readonly layerNormEps: number
  readonly activation: Activation
  /** The modules of the transform, and the parameters of the decoder. */
  readonly dense: string
  readonly layerNorm: string
  /** A parameter `[vocabSize, hiddenSize]`: that of the word embeddings, where it is tied to them. */
  readonly decoderWeight: string
  readonly decoderBias: string
}

/** Add the head of a masked language model, and its loss.
 *
 *      logits = E LN(act(W h[selected] + b)) + c
 *
 *  Adds the inputs `selectedPositions [selected]`, indices into the flattened `batch·sequence` at which alone the head
 *  runs, and `labels [selected]`; the tap `mlmHead`; the outputs `logits [selected, vocabSize]` and
 *  `negativeLogLikelihood [selected]`.
 */
export function maskedLanguageModelHead(graph: GraphBuilder, head: MaskedLanguageModelHead, hidden: ValueId): void {
  const { hiddenSize, vocabSize } = head
  const { selected, labels } = selectPositions(graph, hidden)
  const transformed = dense(graph, selected, [hiddenSize, hiddenSize], head.dense)
  const activated = activation(graph, head.activation, transformed, `${head.dense}.activated`)
  const normalized = layerNorm(graph, activated, head, head.layerNorm, 'mlmHead')
  graph.tap('mlmHead', 'mlmHead', null, normalized)
  const weight = graph.parameter(head.decoderWeight, [vocabSize, hiddenSize])
  const bias = graph.parameter(head.decoderBias, [vocabSize])
  classify(graph, graph.linear(normalized, weight, bias, 'logits'), labels)
}

/** Add the head of a language model that is only a decoder: `logits = E h[selected]`, with inputs and outputs as of
 *  {@link maskedLanguageModelHead}. For the loss of the next token, the label of a position is the id at the next.
 */
export function nextTokenHead(
  graph: GraphBuilder,
  { decoderWeight, vocabSize, hiddenSize }: Pick<MaskedLanguageModelHead, 'decoderWeight' | 'vocabSize' | 'hiddenSize'>,
  hidden: ValueId,
): void {
  const { selected, labels } = selectPositions(graph, hidden)
  const weight = graph.parameter(decoderWeight, [vocabSize, hiddenSize])
  classify(graph, graph.linear(selected, weight, null, 'logits'), labels)
}

/** Name the logits `[n, classes]` and the loss of their labels `[n]` as outputs. */
export function classify(graph: GraphBuilder, logits: ValueId, labels: ValueId): void {
  graph.output('logits', logits)
  graph.output('negativeLogLikelihood', graph.crossEntropy(logits, labels, 'negativeLogLikelihood'))
}

/** Name the scores `[n, 1]` as logits, and the loss of their labels `[n]`, as outputs. */
export function regress(graph: GraphBuilder, scores: ValueId, labels: ValueId): void {
  graph.output('logits', scores)
  graph.output('negativeLogLikelihood', graph.squaredError(scores, labels, 'negativeLogLikelihood'))
}

function selectPositions(graph: GraphBuilder, hidden: ValueId): { selected: ValueId; labels: ValueId } {
  const selectedPositions = graph.input('selectedPositions', 'int32', ['selected'])
  const labels = graph.input('labels', 'int32', ['selected'])
  return { selected: graph.select(hidden, selectedPositions, 'selected'), labels }
}

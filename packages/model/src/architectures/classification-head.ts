import { z } from 'zod'
import type { ValueId } from '../graph.ts'
import type { GraphBuilder } from '../graph-builder.ts'
import { classify, regress } from './language-model-head.ts'
import { count, dense } from './layers.ts'

/** The fields of `config.json` that say how many classes there are. */
export const numLabelsJson = {
  id2label: z.record(z.string(), z.string()).optional(),
  num_labels: count.optional(),
}

/** The number of classes; 2 unless the configuration says otherwise. */
export function numLabelsOf(config: z.output<z.ZodObject<typeof numLabelsJson>>): number {
  return config.id2label === undefined ? (config.num_labels ?? 2) : Object.keys(config.id2label).length
}

/** Add a linear classifier, and its loss; or, where there is one label, a regression.
 *
 *      classification:  −ln softmax(logits)[label]
 *      regression:      (logit − label)²
 *
 *  As in Hugging Face's classes, one label is a score. Up to a factor and a constant its squared error is the negative
 *  log-likelihood under a normal distribution, so the loss has one name for all objectives. Adds the input
 *  `labels [batch]`, int32 or of a regression float32; the tap `pooler`; and the outputs `logits [batch, numLabels]` and
 *  `negativeLogLikelihood [batch]`.
 *  @param pooled What it reads, `[batch, hiddenSize]`.
 *  @param module The checkpoint's name of the classifier.
 */
export function classificationHead(
  graph: GraphBuilder,
  pooled: ValueId,
  [hiddenSize, numLabels]: readonly [number, number],
  module = 'classifier',
): void {
  const isRegression = numLabels === 1
  const labels = graph.input('labels', isRegression ? 'float32' : 'int32', ['batch'])
  graph.tap('pooler', 'pooler', null, pooled)
  const logits = dense(graph, pooled, [hiddenSize, numLabels], module, { name: 'logits' })
  if (isRegression) regress(graph, logits, labels)
  else classify(graph, logits, labels)
}

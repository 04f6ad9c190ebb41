import { z } from 'zod'
import type { ValueId } from '../graph.ts'
import type { GraphBuilder } from '../graph-builder.ts'
import { classify } from './language-model-head.ts'
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

/** Add a linear classifier, and its loss.
 *
 *  Adds the input `labels [batch]`, the tap `pooler`, and the outputs `logits [batch, numLabels]` and
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
  const labels = graph.input('labels', 'int32', ['batch'])
  graph.tap('pooler', 'pooler', null, pooled)
  classify(graph, dense(graph, pooled, [hiddenSize, numLabels], module, { name: 'logits' }), labels)
}

import type { Graph } from './graph.ts'

/** What a model was trained to predict, and so what its loss is over.
 *
 *  | objective | a prediction is |
 *  |---|---|
 *  | `maskedLanguageModel` | the token at a selected position, from the tokens on both sides |
 *  | `nextToken` | the token after a selected position, from the tokens up to it |
 *  | `textClassification` | the class of a text, or its score where there is one label |
 *  | `imageClassification` | the class of an image |
 */
export type Objective = 'maskedLanguageModel' | 'nextToken' | 'textClassification' | 'imageClassification'

/** Find a model's objective in its graph: by what the head predicts, what attention sees, and what is fed.
 *
 *  @returns null where the graph has no head.
 */
export function objectiveOf(graph: Graph): Objective | null {
  if (graph.outputs.negativeLogLikelihood === undefined) return null
  if (readsImages(graph)) return 'imageClassification'
  if (!graph.inputs.some(({ name }) => name === 'selectedPositions')) return 'textClassification'
  const isCausal = graph.nodes.some((node) => node.op === 'attention' && node.causal)
  return isCausal ? 'nextToken' : 'maskedLanguageModel'
}

/** Whether a model reads images; the others read tokens. */
export function readsImages(graph: Graph): boolean {
  return graph.inputs.some(({ name }) => name === 'pixelValues')
}

import type { Graph, Node, ValueId } from '@isthmus/model'

/** A kind of place at which transformers are trained with dropout. */
export type DropoutSite = 'embeddings' | 'attention' | 'sublayer' | 'head'

/** Find the nodes whose values dropout is applied to in training, of an attention its probabilities.
 *
 *  - `embeddings`: the sum of the embeddings, after its norm where there is one;
 *  - `attention`: the probabilities of each attention;
 *  - `sublayer`: what the attention and the feed-forward network of each layer add to the residual stream;
 *  - `head`: what a classifier's last linear map reads, where an activation made it.
 *
 *  They are found in the graph, as BERT has them; DistilBERT as published has none on what its attention adds.
 *  @returns By the node's output, for `dropoutMask` of `evaluateGraph`.
 *  @see Devlin et al. (2019), BERT, appendix A.2; Vaswani et al. (2017), Attention Is All You Need, section 5.4.
 */
export function dropoutSites(graph: Graph): ReadonlyMap<ValueId, DropoutSite> {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]))
  const sites = new Map<ValueId, DropoutSite>()
  for (const { name, value } of graph.taps) if (name === 'residual.embeddings') sites.set(value, 'embeddings')
  for (const node of graph.nodes) {
    if (node.op === 'attention') sites.set(node.output, 'attention')
    if (node.op === 'add') {
      for (const operand of [node.left, node.right]) {
        if (producers.get(operand)?.op === 'linear') sites.set(operand, 'sublayer')
      }
    }
    if (node.op === 'linear' && node.output === graph.outputs.logits) {
      if (isActivation(producers.get(node.input))) sites.set(node.input, 'head')
    }
  }
  return sites
}

function isActivation(node: Node | undefined): boolean {
  return node?.op === 'tanh' || node?.op === 'relu'
}

import { type Graph, keepsFunction, type Symmetries, symmetries, withoutSkips } from '@isthmus/model'
import { identityPermutation } from '@isthmus/tensor'
import type { Alignment, AlignmentSpace } from './alignment-method.ts'

/** The symmetries whose axes the permutations of a space are named after.
 *
 *  @param graph The graph with its decoder tied for `exact`, and untied for the other variants.
 */
export function alignmentSymmetries(graph: Graph, { skips }: AlignmentSpace): Symmetries {
  return symmetries(skips === 'ignored' ? withoutSkips(graph) : graph)
}

/** How a graph must be built to hold a model in a space: `untied`, or `tied`, the decoder as the model stores it (one that
 *  is not tied stays so).
 */
export function decoderOf({ decoder }: AlignmentSpace): 'tied' | 'untied' {
  return decoder === 'exact' ? 'tied' : 'untied'
}

/** Decide whether moving a model by an alignment leaves its function as it is, for any weights.
 *
 *  @param graph As for `alignmentSymmetries`.
 *  @returns Where it does not, the reason, in a sentence.
 */
export function alignmentKeepsFunction(
  graph: Graph,
  { permutations, transports, space }: Alignment,
): ReturnType<typeof keepsFunction> {
  const [soft] = transports?.keys() ?? []
  if (soft !== undefined) {
    return { kept: false, reason: `the features of '${soft}' are replaced by means of several, not permuted.` }
  }
  const group = alignmentSymmetries(graph, space)
  const verdict = keepsFunction(group, permutations)
  if (!verdict.kept) return verdict
  const stream = graph.taps
    .filter(({ site }) => site === 'residual')
    .map(({ name }) => group.axisOfTap(name)!)
    .map(({ name, size }) => permutations.get(name) ?? identityPermutation(size))
  const [first] = stream
  if (space.skips === 'ignored' && stream.some((other) => other.some((from, i) => from !== first![i]))) {
    return { kept: false, reason: 'the Add&Norms of the residual stream are permuted apart, while the skips tie them.' }
  }
  if (space.decoder === 'released-code' && first?.some((from, i) => first[from] !== i)) {
    return {
      kept: false,
      reason: 'the decoder reads features that are permuted twice, the head writes them as they were.',
    }
  }
  return verdict
}

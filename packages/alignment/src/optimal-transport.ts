import type { Graph, ParameterAxis, PermutableAxis } from '@isthmus/model'
import type { Permutation, Tensor } from '@isthmus/tensor'
import { axisBlocks } from './axis-blocks.ts'
import { incomingMembers } from './incoming-members.ts'
import { matchBlock } from './match-block.ts'
import { sinkhorn } from './sinkhorn.ts'
import type { WeightSolver } from './weight-solver.ts'

/** Optimal-transport fusion: one greedy pass through the graph, each layer's neurons transported by what they read.
 *
 *      C_ij = ‖w_i^A − w_j^B'‖²,   T = d · argmin_P ⟨P, C⟩ (+ ε entropy),   B' = T B along the axis
 *
 *  w_i are the weights that write feature i, bias included, those of B with the transports of earlier layers applied to
 *  their inputs. Marginals are uniform. Axes are taken in the order in which the graph writes them.
 *
 *  `exact`: with as many neurons on both sides an optimal plan is a permutation (Birkhoff), which a linear assignment
 *  finds. Heads are transported as wholes, features inside them, and query and key by one plan, so that the function is
 *  kept; Imfeld et al. transport across heads, and query and key apart, which changes it.
 *  `sinkhorn`: the entropic plan, a doubly stochastic map over all features of an axis, across heads as theirs. It
 *  changes the function.
 *
 *  The residual stream has one transport, found where it starts, as their policy that hands on the skip's: by the
 *  embeddings, and all norms and biases on it. A weight counts only if its inputs are where they will stay: the layers
 *  that write the stream later read axes that are not transported yet, and comparing these would be noise.
 *  @see Singh & Jaggi (2020), Model fusion via optimal transport, §4 and Algorithm 1.
 *  @see Imfeld et al. (2024), Transformer fusion with optimal transport, §4.
 */
export const transportWeights: WeightSolver = async (pair, parts, { graph, sinkhorn: settings, onProgress }) => {
  const solverOf = new Map(parts.flatMap(({ axes, options }) => axes.map((axis) => [axis, options.solver])))
  const blocks = axisBlocks(
    graph,
    parts.flatMap(({ axes }) => axes),
  )
  const permutations = new Map<string, Permutation>()
  const transports = new Map<string, Tensor>()
  for (const [index, block] of blocks.entries()) {
    const pending = blocks.slice(index).flat()
    const costs: Float64Array[] = []
    for (const axis of block) costs.push(await pair.squaredDistances(comparable(graph, axis, pending), axis.size))
    if (solverOf.get(block[0]!) === 'sinkhorn') {
      for (const [k, axis] of block.entries()) {
        const transport = sinkhorn(costs[k]!, axis.size, settings)
        transports.set(axis.name, transport)
        pair.move(axis, transport)
      }
    } else {
      const plans = matchBlock(
        block,
        costs.map((matrix) => matrix.map((cost) => -cost)),
      )
      for (const [k, axis] of block.entries()) {
        permutations.set(axis.name, plans[k]!)
        pair.move(axis, plans[k]!)
      }
    }
    onProgress?.(index + 1, blocks.length)
  }
  return { permutations, transports }
}

/** The members that write an axis out of features that stay where they are: no other axis of the parameter is pending. */
function comparable(graph: Graph, axis: PermutableAxis, pending: readonly PermutableAxis[]): ParameterAxis[] {
  return incomingMembers(graph, axis).filter(
    ({ parameter, axis: own }) =>
      !pending.some(({ members }) => members.some((other) => other.parameter === parameter && other.axis !== own)),
  )
}

import { inversePermutation, isIdentity, type Permutation } from '@isthmus/tensor'
import { type AxisBlock, axisBlocks, blockParameters } from './axis-blocks.ts'
import { matchBlock } from './match-block.ts'
import type { WeightPair } from './weight-pair.ts'
import type { WeightSolver } from './weight-solver.ts'

/** What the sum of the inner products must rise by, of itself, for a step to count: rounding must not be a reason. */
const smallestRise = 1e-12

/** Weight matching: permute B so that its weights agree best with A's, one block of axes after the other.
 *
 *      max_π Σ_θ ⟨θ_A, π(θ_B)⟩
 *
 *  The permutations of one block, all others held, are a linear assignment: `argmax Σ_i S[i, π(i)]` with S the inner
 *  products of the block's features over all parameters on it, B's as they are permuted so far. Blocks are taken in
 *  the order in which the graph writes them, again and again, until none changes; one is taken up again only when a
 *  parameter of its own has moved. Git Re-Basin draws the order; ours is fixed, so that the result is a function of the
 *  weights, and starts with the stream, whose embeddings are rows of the same words in both models.
 *
 *  A block is an axis, or the axes of one attention: its heads share one order, which Algorithm 1 finds for query, key,
 *  value and context together. A parameter with both axes in one block (a head's transform under a tied decoder) makes
 *  the step an assignment only to first order; a step counts only if the sum rises, so that the sum never falls, and
 *  the descent ends.
 *  @see Ainsworth, Hayase & Srinivasa (2023), Git Re-Basin, §3.2 and Algorithm 1.
 */
export const matchWeights: WeightSolver = async (pair, parts, { graph, onProgress }) => {
  const blocks = axisBlocks(
    graph,
    parts.flatMap(({ axes }) => axes),
  )
  const parameters = new Map(blocks.map((block) => [block, blockParameters(block)]))
  const permutations = new Map<string, Permutation>()
  const waiting = new Set(blocks)
  while (waiting.size > 0) {
    for (const block of blocks) {
      if (!waiting.delete(block)) continue
      const step = await improve(pair, block, parameters.get(block)!)
      if (step !== null) {
        for (const [index, { name }] of block.entries()) {
          permutations.set(name, compose(permutations.get(name), step[index]!))
        }
        const moved = parameters.get(block)!
        for (const other of blocks) {
          if ([...parameters.get(other)!].some((name) => moved.has(name))) waiting.add(other)
        }
      }
      onProgress?.(blocks.length - waiting.size, blocks.length)
    }
  }
  return { permutations }
}

/** Move a block to where it scores best, if the weights agree better then.
 *
 *  @returns The permutations of its axes, or null where it is left as it was.
 */
async function improve(pair: WeightPair, block: AxisBlock, parameters: ReadonlySet<string>) {
  const scores: Float64Array[] = []
  for (const { members, size } of block) scores.push(await pair.similarity(members, size))
  const step = matchBlock(block, scores)
  if (step.every(isIdentity)) return null
  const before = pair.agreement(parameters)
  for (const [index, axis] of block.entries()) pair.move(axis, step[index]!)
  const after = pair.agreement(parameters)
  if (after - before > smallestRise * Math.max(Math.abs(before), Math.abs(after))) return step
  for (const [index, axis] of block.entries()) pair.move(axis, inversePermutation(step[index]!))
  return null
}

/** The permutation that takes the features of `first` in the order of `then`. */
function compose(first: Permutation | undefined, then: Permutation): Permutation {
  return first === undefined ? then : (then.map((i) => first[i]!) as Permutation)
}

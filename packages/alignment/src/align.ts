import type { FeatureSet } from '@isthmus/activations'
import type { Graph, Symmetries } from '@isthmus/model'
import type { Permutation, Tensor } from '@isthmus/tensor'
import type { Alignment, MatchingContext } from './alignment-method.ts'
import { alignmentSymmetries } from './alignment-symmetries.ts'
import { componentAxes } from './axis-blocks.ts'
import type { MatrixProduct } from './matrix-product.ts'
import type { AlignmentMethod } from './methods.ts'
import { type SinkhornSettings, sinkhornDefaults } from './sinkhorn.ts'
import { WeightPair } from './weight-pair.ts'
import type { SolverContext, WeightPart, WeightSolver } from './weight-solver.ts'

/** What a method looks at that matches features. */
export type FeatureContext = Pick<MatchingContext, 'graph' | 'correlation'>

/** What a method looks at that matches weights. */
export interface WeightContext extends FeatureContext, Pick<SolverContext, 'onProgress'> {
  /** A's and B's parameters by the graph's names, f32; not modified. */
  readonly a: ReadonlyMap<string, Tensor>
  readonly b: ReadonlyMap<string, Tensor>
  /** Computes products of matrices in f32. */
  readonly product: MatrixProduct
  /** Default: `sinkhornDefaults`. */
  readonly sinkhorn?: SinkhornSettings
}

/** The feature sets that a method correlates, each once. */
export function methodFeatureSets(method: AlignmentMethod, graph: Graph): FeatureSet[] {
  const sets = featureSteps(method).flatMap(({ matcher, options }) => matcher.featureSets(graph, options))
  return [...new Map(sets.map((set) => [set.name, set])).values()]
}

/** Whether a method looks at the weights of the models, and so is aligned by `alignWeights`. */
export function needsWeights(method: AlignmentMethod): boolean {
  return method.steps.some(({ matcher }) => 'solver' in matcher)
}

/** Whether a method has soft transports, which depend on the settings of Sinkhorn's iteration. */
export function hasSoftTransports(method: AlignmentMethod): boolean {
  return method.steps.some(({ options }) => options.solver === 'sinkhorn')
}

/** Choose the permutations of all components of a method that needs no weights.
 *
 *  @param graph The graph of both models, built as the method's space needs it (`decoderOf`).
 *  @param correlation The correlation of each of the method's feature sets.
 */
export function align(method: AlignmentMethod, context: FeatureContext): Alignment {
  if (needsWeights(method)) throw new Error(`${method.name} matches weights, and cannot be aligned by features alone`)
  return { permutations: matchFeatureSteps(method, context), space: method.space }
}

/** Choose how all components of a method are moved, by the weights of both models.
 *
 *  Components that are matched by features come first; those matched by weights follow together, solver by solver,
 *  with B as it has been moved so far.
 *  @throws {UserError} naming a parameter that is not finite; when a soft transport does not converge.
 */
export async function alignWeights(method: AlignmentMethod, context: WeightContext): Promise<Alignment> {
  const symmetries = alignmentSymmetries(context.graph, method.space)
  const permutations = new Map<string, Permutation>(matchFeatureSteps(method, context))
  const transports = new Map<string, Tensor>()
  const pair = new WeightPair(context.a, context.b, context.product)
  for (const axis of symmetries.axes) {
    const chosen = permutations.get(axis.name)
    if (chosen !== undefined) pair.move(axis, chosen)
  }
  for (const [solver, parts] of weightParts(method, context.graph, symmetries)) {
    const found = await solver(pair, parts, { sinkhorn: sinkhornDefaults, ...context, symmetries })
    for (const [name, permutation] of found.permutations) permutations.set(name, permutation)
    for (const [name, transport] of found.transports ?? []) transports.set(name, transport)
  }
  return { permutations, ...(transports.size > 0 ? { transports } : {}), space: method.space }
}

function matchFeatureSteps(method: AlignmentMethod, { graph, correlation }: FeatureContext): Map<string, Permutation> {
  const context = { graph, symmetries: alignmentSymmetries(graph, method.space), correlation }
  return new Map(featureSteps(method).flatMap(({ matcher, options }) => [...matcher.match(context, options)]))
}

function featureSteps({ steps }: AlignmentMethod) {
  return steps.flatMap(({ matcher, options }) => ('solver' in matcher ? [] : [{ matcher, options }]))
}

/** The components that each solver moves together, in the order of the method's steps. */
function weightParts(
  { steps }: AlignmentMethod,
  graph: Graph,
  symmetries: Symmetries,
): Map<WeightSolver, WeightPart[]> {
  const parts = new Map<WeightSolver, WeightPart[]>()
  for (const { matcher, options } of steps) {
    if (!('solver' in matcher)) continue
    const part = { axes: componentAxes(graph, symmetries, matcher.component), options }
    parts.set(matcher.solver, [...(parts.get(matcher.solver) ?? []), part])
  }
  return parts
}

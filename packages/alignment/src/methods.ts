import type { FeatureSet } from '@isthmus/activations'
import type { Graph } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import type { Alignment, Matcher, MatcherOptions, MatchingContext } from './alignment-method.ts'
import { attentionHeadPerm } from './attention-head-perm.ts'
import { attentionIdentity } from './attention-identity.ts'
import { attentionIgnoreHeads } from './attention-ignore-heads.ts'
import { attentionMonotonic } from './attention-monotonic.ts'
import { feedForward } from './feed-forward.ts'

/** Every matcher there is. A new one is a file of its own and a line here. */
export const matchers: readonly Matcher[] = [
  feedForward,
  attentionIdentity,
  attentionMonotonic,
  attentionIgnoreHeads,
  attentionHeadPerm,
]

/** Names of the paper's Table 1, for its combinations. */
export const methodAliases: Readonly<Record<string, string>> = {
  identity: 'ffn+attention/identity',
  monotonic: 'ffn+attention/monotonic',
  'ignore-heads': 'ffn+attention/ignore-heads',
  'head-perm': 'ffn+attention/head-perm',
}

/** How an option is written after a matcher's name. */
const optionNames: Readonly<Record<string, keyof MatcherOptions>> = { qk: 'separateQueryKey' }

/** A merge type of the paper: matchers for different components, whose permutations are applied together. */
export interface AlignmentMethod {
  /** The canonical name, e.g. `ffn+attention/head-perm/qk`; `vanilla` aligns nothing. */
  readonly name: string
  readonly symmetry: 'kept' | 'broken'
  readonly steps: readonly { readonly matcher: Matcher; readonly options: MatcherOptions }[]
}

/** Read a method's name: `vanilla`, an alias, or matchers joined by `+`, each with its options after a slash.
 *
 *  @throws {UserError} naming the part that is unknown or contradictory, and what there is.
 */
export function alignmentMethod(name: string): AlignmentMethod {
  const canonical = methodAliases[name] ?? name
  if (canonical === 'vanilla') return { name: canonical, symmetry: 'kept', steps: [] }
  const steps = canonical.split('+').map((term) => parseTerm(term, name))
  for (const { matcher } of steps) {
    const rivals = steps.filter((step) => step.matcher.component === matcher.component)
    if (rivals.length > 1) {
      throw new UserError(`method '${name}' aligns ${matcher.component} ${rivals.length} times; name it once`)
    }
  }
  const broken = steps.some(({ matcher }) => matcher.symmetry === 'broken')
  return { name: canonical, symmetry: broken ? 'broken' : 'kept', steps }
}

/** The feature sets that a method correlates, each once. */
export function methodFeatureSets(method: AlignmentMethod, graph: Graph): FeatureSet[] {
  const sets = method.steps.flatMap(({ matcher, options }) => matcher.featureSets(graph, options))
  return [...new Map(sets.map((set) => [set.name, set])).values()]
}

/** Choose the permutations of all components of a method. */
export function align(method: AlignmentMethod, context: MatchingContext): Alignment {
  return new Map(method.steps.flatMap(({ matcher, options }) => [...matcher.match(context, options)]))
}

function parseTerm(term: string, name: string): AlignmentMethod['steps'][number] {
  const matcher = matchers
    .filter(({ id }) => term === id || term.startsWith(`${id}/`))
    .sort((a, b) => b.id.length - a.id.length)[0]
  if (matcher === undefined) {
    const known = ['vanilla', ...Object.keys(methodAliases), ...matchers.map(({ id }) => id)].join(', ')
    throw new UserError(`method '${name}' has an unknown part '${term}'; there are ${known}, joined by +`)
  }
  const written = term
    .slice(matcher.id.length + 1)
    .split('/')
    .filter(Boolean)
  for (const option of written) {
    const key = optionNames[option]
    if (key === undefined || !matcher.options.includes(key)) {
      const known = Object.keys(optionNames).filter((other) => matcher.options.includes(optionNames[other]!))
      throw new UserError(
        `method '${name}': ${matcher.id} has no option '${option}'; it has ${known.join(', ') || 'none'}`,
      )
    }
  }
  return { matcher, options: { separateQueryKey: written.includes('qk') } }
}

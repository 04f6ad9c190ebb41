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
  /** The canonical name, one for each method, e.g. `ffn+attention/head-perm/qk`; `vanilla` aligns nothing. */
  readonly name: string
  readonly symmetry: 'kept' | 'broken'
  readonly steps: readonly { readonly matcher: Matcher; readonly options: MatcherOptions }[]
}

/** Read a method's name: `vanilla`, or matchers and aliases joined by `+`, each with its options after a slash.
 *
 *  `head-perm/qk` is `ffn+attention/head-perm/qk`; the order of the parts does not matter.
 *  @throws {UserError} naming the part that is unknown or contradictory, and what there is.
 */
export function alignmentMethod(name: string): AlignmentMethod {
  if (name === 'vanilla') return { name, symmetry: 'kept', steps: [] }
  const terms = name.split('+')
  if (terms.includes('vanilla')) {
    throw new UserError(`method '${name}' joins vanilla, which aligns nothing, with other parts; leave one of them out`)
  }
  const steps = terms
    .flatMap(expandAlias)
    .map((term) => parseTerm(term, name))
    .sort((a, b) => matchers.indexOf(a.matcher) - matchers.indexOf(b.matcher))
  for (const { matcher } of steps) {
    const rivals = steps.filter((step) => step.matcher.component === matcher.component)
    if (rivals.length > 1) {
      throw new UserError(`method '${name}' aligns ${matcher.component} ${rivals.length} times; name it once`)
    }
  }
  const broken = steps.some(({ matcher }) => matcher.symmetry === 'broken')
  return { name: steps.map(stepName).join('+'), symmetry: broken ? 'broken' : 'kept', steps }
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

function expandAlias(term: string): string[] {
  const [alias] = term.split('/')
  if (!Object.hasOwn(methodAliases, alias!)) return [term]
  return `${methodAliases[alias!]}${term.slice(alias!.length)}`.split('+')
}

function stepName({ matcher, options }: AlignmentMethod['steps'][number]): string {
  const chosen = Object.keys(optionNames).filter((name) => options[optionNames[name]!])
  return [matcher.id, ...chosen].join('/')
}

function parseTerm(term: string, name: string): AlignmentMethod['steps'][number] {
  const [matcher] = matchers
    .filter(({ id }) => term === id || term.startsWith(`${id}/`))
    .sort((a, b) => b.id.length - a.id.length)
  if (matcher === undefined) {
    const known = ['vanilla', ...Object.keys(methodAliases), ...matchers.map(({ id }) => id)].join(', ')
    throw new UserError(`method '${name}' has an unknown part '${term}'; there are ${known}, joined by +`)
  }
  const written = term === matcher.id ? [] : term.slice(matcher.id.length + 1).split('/')
  for (const option of written) {
    const known = Object.keys(optionNames).filter((other) => matcher.options.includes(optionNames[other]!))
    if (!known.includes(option)) {
      throw new UserError(
        `method '${name}': ${matcher.id} has no option '${option}'; it has ${known.join(', ') || 'none'}`,
      )
    }
  }
  return { matcher, options: { separateQueryKey: written.includes('qk') } }
}

import type { FeatureSet } from '@isthmus/activations'
import type { Graph } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import {
  type Alignment,
  type AlignmentSpace,
  graphSpace,
  type Matcher,
  type MatcherOptions,
  type MatchingContext,
} from './alignment-method.ts'
import { alignmentSymmetries } from './alignment-symmetries.ts'
import { attentionHeadPerm } from './attention-head-perm.ts'
import { attentionIdentity } from './attention-identity.ts'
import { attentionIgnoreHeads } from './attention-ignore-heads.ts'
import { attentionMonotonic } from './attention-monotonic.ts'
import { feedForward } from './feed-forward.ts'
import { residualAll } from './residual-all.ts'
import { residualFirst } from './residual-first.ts'
import { residualIdentity } from './residual-identity.ts'
import { residualLast } from './residual-last.ts'
import { residualSeparate } from './residual-separate.ts'

/** Every matcher there is. A new one is a file of its own and a line here. */
export const matchers: readonly Matcher[] = [
  feedForward,
  attentionIdentity,
  attentionMonotonic,
  attentionIgnoreHeads,
  attentionHeadPerm,
  residualIdentity,
  residualFirst,
  residualLast,
  residualAll,
  residualSeparate,
]

/** Names of the paper's Table 1, for its combinations. */
export const methodAliases: Readonly<Record<string, string>> = {
  identity: 'ffn+attention/identity',
  monotonic: 'ffn+attention/monotonic',
  'ignore-heads': 'ffn+attention/ignore-heads',
  'head-perm': 'ffn+attention/head-perm',
}

const defaultOptions: MatcherOptions = { separateQueryKey: false, decoder: graphSpace.decoder }

/** What is written after a matcher's name, and the option that it sets. */
const optionNames: Readonly<Record<string, Partial<MatcherOptions>>> = {
  qk: { separateQueryKey: true },
  untied: { decoder: 'untied' },
  'released-code': { decoder: 'released-code' },
}

/** A merge type of the paper: matchers for different components, whose permutations are applied together. */
export interface AlignmentMethod {
  /** The canonical name, one for each method, e.g. `ffn+attention/head-perm/qk`; `vanilla` aligns nothing. */
  readonly name: string
  readonly symmetry: 'kept' | 'broken'
  readonly space: AlignmentSpace
  readonly steps: readonly { readonly matcher: Matcher; readonly options: MatcherOptions }[]
}

/** Read a method's name: `vanilla`, or matchers and aliases joined by `+`, each with its options after a slash.
 *
 *  `head-perm/qk` is `ffn+attention/head-perm/qk`; the order of the parts does not matter.
 *  @throws {UserError} naming the part that is unknown or contradictory, and what there is.
 */
export function alignmentMethod(name: string): AlignmentMethod {
  if (name === 'vanilla') return { name, symmetry: 'kept', space: graphSpace, steps: [] }
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
  const space: AlignmentSpace = {
    skips: steps.some(({ matcher }) => matcher.skips === 'ignored') ? 'ignored' : 'kept',
    decoder: steps.find(({ matcher }) => matcher.options.includes('decoder'))?.options.decoder ?? graphSpace.decoder,
  }
  const broken = space.decoder === 'released-code' || steps.some(({ matcher }) => matcher.symmetry === 'broken')
  return { name: steps.map(stepName).join('+'), symmetry: broken ? 'broken' : 'kept', space, steps }
}

/** The feature sets that a method correlates, each once. */
export function methodFeatureSets(method: AlignmentMethod, graph: Graph): FeatureSet[] {
  const sets = method.steps.flatMap(({ matcher, options }) => matcher.featureSets(graph, options))
  return [...new Map(sets.map((set) => [set.name, set])).values()]
}

/** Choose the permutations of all components of a method.
 *
 *  @param graph The graph of both models, built as the method's space needs it (`decoderOf`).
 *  @param correlation The correlation of each of the method's feature sets.
 */
export function align(
  method: AlignmentMethod,
  { graph, correlation }: Pick<MatchingContext, 'graph' | 'correlation'>,
): Alignment {
  const context = { graph, symmetries: alignmentSymmetries(graph, method.space), correlation }
  const permutations = method.steps.flatMap(({ matcher, options }) => [...matcher.match(context, options)])
  return { permutations: new Map(permutations), space: method.space }
}

function expandAlias(term: string): string[] {
  const [alias] = term.split('/')
  if (!Object.hasOwn(methodAliases, alias!)) return [term]
  return `${methodAliases[alias!]}${term.slice(alias!.length)}`.split('+')
}

function stepName({ matcher, options }: AlignmentMethod['steps'][number]): string {
  const chosen = Object.keys(optionNames).filter((name) => {
    const [key, value] = Object.entries(optionNames[name]!)[0]!
    return options[key as keyof MatcherOptions] === value
  })
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
  const known = Object.keys(optionNames).filter((option) =>
    matcher.options.includes(Object.keys(optionNames[option]!)[0] as keyof MatcherOptions),
  )
  const unknown = written.find((option) => !known.includes(option))
  if (unknown !== undefined) {
    throw new UserError(
      `method '${name}': ${matcher.id} has no option '${unknown}'; it has ${known.join(', ') || 'none'}`,
    )
  }
  const settingOf = (option: string) => Object.keys(optionNames[option]!)[0]
  for (const option of written) {
    const rival = written.find((other) => other !== option && settingOf(other) === settingOf(option))
    if (rival === undefined) continue
    throw new UserError(
      `method '${name}': ${matcher.id} has both ${option} and ${rival}, which exclude one another; leave one of them out`,
    )
  }
  return {
    matcher,
    options: Object.assign({}, defaultOptions, ...written.map((option) => optionNames[option])),
  }
}

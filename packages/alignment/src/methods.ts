import { UserError } from '@isthmus/tensor'
import {
  type AlignmentSpace,
  type Component,
  graphSpace,
  type Matcher,
  type MatcherOptions,
} from './alignment-method.ts'
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
import { transportMatchers, weightMatchers } from './weight-matchers.ts'

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
  ...weightMatchers,
  ...transportMatchers,
]

/** The order in which a method's name has its parts. */
const components: readonly Component[] = ['ffn', 'attention', 'residual']

/** Short names: of the paper's Table 1 for its combinations, and of methods that move all components. */
export const methodAliases: Readonly<Record<string, string>> = {
  identity: 'ffn+attention/identity',
  monotonic: 'ffn+attention/monotonic',
  'ignore-heads': 'ffn+attention/ignore-heads',
  'head-perm': 'ffn+attention/head-perm',
  'weight-matching': 'ffn/weights+attention/weights+residual/weights',
  'optimal-transport': 'ffn/transport+attention/transport+residual/transport',
}

/** Aliases that are the canonical names of what they stand for. */
const wholeMethods = ['weight-matching', 'optimal-transport']

const defaultOptions: MatcherOptions = { separateQueryKey: false, decoder: graphSpace.decoder, solver: 'exact' }

/** The part that stands for learning what the others leave, in a method's name. */
const learnedPart = 'learned'

/** What is written after a matcher's name, and the option that it sets. */
const optionNames: Readonly<Record<string, Partial<MatcherOptions>>> = {
  sinkhorn: { solver: 'sinkhorn' },
  qk: { separateQueryKey: true },
  untied: { decoder: 'untied' },
  'released-code': { decoder: 'released-code' },
}

/** Matchers for different components, whose permutations are applied together: the paper's merge types, and others. */
export interface AlignmentMethod {
  /** The canonical name, one for each method, e.g. `ffn+attention/head-perm/qk`; `vanilla` aligns nothing. */
  readonly name: string
  readonly symmetry: 'kept' | 'broken'
  readonly space: AlignmentSpace
  readonly steps: readonly { readonly matcher: Matcher; readonly options: MatcherOptions }[]
  /** The method of these steps alone, from whose permutations others are learned by the loss on the path; null where
   *  nothing is learned. */
  readonly learnedFrom: AlignmentMethod | null
}

/** Read a method's name: `vanilla`, or matchers and aliases joined by `+`, each with its options after a slash.
 *
 *  With the part `learned`, as in `head-perm+learned`, the permutations of the other parts are where learning starts, and
 *  their components are learned; `learned` by itself starts from the models as they are, and learns all components.
 *  `head-perm/qk` is `ffn+attention/head-perm/qk`: an alias gives its options to those of its parts that have them. The
 *  order of the parts does not matter.
 *  @throws {UserError} naming the part that is unknown or contradictory, and what there is.
 */
export function alignmentMethod(name: string): AlignmentMethod {
  const terms = name.split('+')
  if (terms.includes(learnedPart)) return learnedMethod(name, terms)
  if (name === 'vanilla') return { name, symmetry: 'kept', space: graphSpace, steps: [], learnedFrom: null }
  if (terms.includes('vanilla')) {
    throw new UserError(`method '${name}' joins vanilla, which aligns nothing, with other parts; leave one of them out`)
  }
  const steps = terms
    .flatMap(expandAlias)
    .map((term) => parseTerm(term, name))
    .sort((a, b) => components.indexOf(a.matcher.component) - components.indexOf(b.matcher.component))
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
  const broken =
    space.decoder === 'released-code' ||
    steps.some(({ matcher, options }) => matcher.symmetry === 'broken' || options.solver === 'sinkhorn')
  return { name: canonicalName(steps), symmetry: broken ? 'broken' : 'kept', space, steps, learnedFrom: null }
}

/** @throws {UserError} when the method that learning is to start from breaks the symmetry. */
function learnedMethod(name: string, terms: readonly string[]): AlignmentMethod {
  const others = terms.filter((term) => term !== learnedPart)
  if (terms.length - others.length > 1) {
    throw new UserError(`method '${name}' names ${learnedPart} ${terms.length - others.length} times; name it once`)
  }
  if (others.includes('vanilla')) {
    throw new UserError(`method '${name}' learns from vanilla, which aligns nothing: write ${learnedPart} alone`)
  }
  const start = alignmentMethod(others.length === 0 ? 'vanilla' : others.join('+'))
  if (start.symmetry === 'broken') {
    throw new UserError(
      `method '${name}' learns from ${start.name}, which changes the function, but only permutations that keep it can be ` +
        'learned; start from a method that keeps it, such as head-perm or weight-matching',
    )
  }
  const canonical = start.steps.length === 0 ? learnedPart : `${start.name}+${learnedPart}`
  return { ...start, name: canonical, learnedFrom: start }
}

/** Write an alias out. Its options go to each of its parts that has them; one that none has, to the last, which refuses it. */
function expandAlias(term: string): string[] {
  const [alias, ...options] = term.split('/')
  if (!Object.hasOwn(methodAliases, alias!)) return [term]
  const parts = methodAliases[alias!]!.split('+')
  const takers = options.map((option) => {
    const able = parts.filter((id) => optionsOf(matchers.find((matcher) => matcher.id === id)!).includes(option))
    return able.length > 0 ? able : parts.slice(-1)
  })
  return parts.map((id) => [id, ...options.filter((_, index) => takers[index]!.includes(id))].join('/'))
}

/** The parts joined by `+`; of a method that an alias stands for as a whole, the alias with its options. */
function canonicalName(steps: AlignmentMethod['steps']): string {
  const written = steps.map(stepName).join('+')
  const chosen = Object.keys(optionNames).filter((name) => steps.some((step) => chosenOptions(step).includes(name)))
  const whole = wholeMethods
    .map((alias) => [alias, ...chosen].join('/'))
    .find((name) => expandAlias(name).sort().join() === steps.map(stepName).sort().join())
  return whole ?? written
}

function stepName(step: AlignmentMethod['steps'][number]): string {
  return [step.matcher.id, ...chosenOptions(step)].join('/')
}

function chosenOptions({ options }: AlignmentMethod['steps'][number]): string[] {
  return Object.keys(optionNames).filter((name) => {
    const [key, value] = Object.entries(optionNames[name]!)[0]!
    return options[key as keyof MatcherOptions] === value
  })
}

/** What may be written after a matcher's name. */
function optionsOf({ options }: Matcher): string[] {
  return Object.keys(optionNames).filter((option) =>
    options.includes(Object.keys(optionNames[option]!)[0] as keyof MatcherOptions),
  )
}

function parseTerm(term: string, name: string): AlignmentMethod['steps'][number] {
  const [matcher] = matchers
    .filter(({ id }) => term === id || term.startsWith(`${id}/`))
    .sort((a, b) => b.id.length - a.id.length)
  if (matcher === undefined) {
    const known = ['vanilla', learnedPart, ...Object.keys(methodAliases), ...matchers.map(({ id }) => id)].join(', ')
    throw new UserError(`method '${name}' has an unknown part '${term}'; there are ${known}, joined by +`)
  }
  const written = term === matcher.id ? [] : term.slice(matcher.id.length + 1).split('/')
  const known = optionsOf(matcher)
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

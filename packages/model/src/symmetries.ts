import { UserError } from '@isthmus/tensor'
import { DisjointSets } from './disjoint-sets.ts'
import type { Graph, Tap, ValueId } from './graph.ts'
import { segmentAxes } from './segment-axes.ts'
import { type AttentionTies, type Axis, fixedAxis, parameterAxis, tieAxes } from './tie-axes.ts'

/** One axis of one parameter: `axis` 0 is its rows. */
export interface ParameterAxis {
  readonly parameter: string
  readonly axis: number
  /** The features of the axis that are meant, where it is a concatenation (of query, key and value, say); all of them
   *  where it is left out. */
  readonly segment?: { readonly offset: number; readonly size: number }
}

/** A set of parameter axes, or of segments of such, that may be permuted, all by the same permutation. */
export interface PermutableAxis {
  /** `residual`, `ffn.0`, `attention.0` (value and context), `queryKey.0`; untapped axes by their first member. */
  readonly name: string
  readonly size: number
  /** In the order of the graph's parameters. */
  readonly members: readonly ParameterAxis[]
  /** If the features are `numHeads` heads of equal size, one after the other: heads move as wholes, in the same order
   *  on all axes of the group, and features move within their head. Null: any permutation will do. */
  readonly heads: { readonly group: string; readonly numHeads: number } | null
}

/** The permutations of a model's parameters that leave its function as it is. */
export interface Symmetries {
  readonly axes: readonly PermutableAxis[]
  /** Parameter axes that may not be permuted. With the members of `axes` these are all axes of all parameters. */
  readonly fixed: readonly ParameterAxis[]
  /** The axis along which a tap's features lie, null where it is fixed.
   *
   *  @throws {UserError} when the graph has no such tap.
   */
  axisOfTap(tapName: string): PermutableAxis | null
}

/** Derive the permutation symmetries of a graph, by union–find over the axes of its values and parameters.
 *
 *  `linear` ties its input's features to the weight's columns and its output's to the weight's rows and the bias; `add`
 *  and `layerNorm` tie their operands; elementwise functions hand their axes on; `attention` makes composite axes, heads
 *  × features of a head: query and key share one, value and context another, and both share the order of the heads; what
 *  is sliced is a concatenation, whose segments are permuted each by itself.
 *  A parameter that is used twice ties what it touches: a tied decoder ties the head's last transform to the residual
 *  stream. Fixed is what touches an input (rows of a table that is looked up), a label, or an output that is read from
 *  outside, such as `logits`. An output that is a tap's value, such as `hidden`, is features: it is known up to the
 *  permutation of its axis, and does not fix it. If one axis of an attention is fixed, so is the other.
 *
 *  For generic weights nothing else keeps the function, but for parameters that it does not depend on: a key's bias adds
 *  the same to every score of a query, which softmax removes.
 *  @throws {Error} when attentions of different numbers of heads share an axis, or an axis with heads or a tap is cut.
 *  @see Ainsworth, Hayase & Srinivasa (2023), Git Re-Basin; Verma & Elbayad (2024), section 3.
 */
export function symmetries(graph: Graph): Symmetries {
  const ties = tieAxes(graph)
  const segmentsOf = segmentAxes(ties)
  const rootOfValue = (value: ValueId): Axis => {
    const segments = segmentsOf(ties.axes.get(value)!.at(-1)!, Number(graph.shapes[value]!.at(-1)))
    if (segments.length > 1 && segments.some(({ root }) => root !== fixedAxis)) {
      throw new Error(`the features of ${value} are a concatenation, and cannot be permuted as one axis`)
    }
    return segments[0]!.root
  }
  const { groupOf, numHeadsOf } = headGroups(ties.attentions, rootOfValue)
  const isFixed = (root: Axis) => groupOf(root) === groupOf(fixedAxis)

  const members = new Map<Axis, ParameterAxis[]>()
  const fixed: ParameterAxis[] = []
  const sizes = new Map<Axis, number>()
  for (const { name, shape } of graph.parameters) {
    for (const [axis, length] of shape.entries()) {
      const segments = segmentsOf(parameterAxis(name, axis), length)
      if (segments.every(({ root }) => isFixed(root))) {
        fixed.push({ parameter: name, axis })
        continue
      }
      for (const { offset, size, root } of segments) {
        const member = { parameter: name, axis, ...(size < length ? { segment: { offset, size } } : {}) }
        if (isFixed(root)) fixed.push(member)
        else members.set(root, [...(members.get(root) ?? []), member])
        sizes.set(root, size)
      }
    }
  }

  const rootOf = (tap: Tap) => rootOfValue(tap.value)
  const names = nameAxes(graph.taps, rootOf, members)
  const groupNames = nameGroups(graph.taps, rootOf, names, groupOf)
  const axes = new Map(
    [...names].map(([root, name]): [Axis, PermutableAxis] => {
      const numHeads = numHeadsOf.get(root)
      const heads = numHeads === undefined ? null : { group: groupNames.get(groupOf(root))!, numHeads }
      return [root, { name, size: sizes.get(root)!, members: members.get(root)!, heads }]
    }),
  )
  return {
    axes: [...axes.values()],
    fixed,
    axisOfTap(tapName) {
      const tap = graph.taps.find((candidate) => candidate.name === tapName)
      if (tap === undefined) {
        const known = graph.taps.map(({ name }) => name).join(', ')
        throw new UserError(`${graph.architecture} has no tap '${tapName}'; it has ${known}`)
      }
      return axes.get(rootOf(tap)) ?? null
    },
  }
}

/** Sets of axes that share the order of their heads, by the roots of the axes. */
function headGroups(attentions: readonly AttentionTies[], rootOfValue: (value: ValueId) => Axis) {
  const groups = new DisjointSets()
  const numHeadsOf = new Map<Axis, number>()
  for (const { queryKey, context, numHeads } of attentions) {
    const roots = [rootOfValue(queryKey), rootOfValue(context)] as const
    groups.union(...roots)
    for (const root of roots) {
      if (root === fixedAxis) continue
      const known = numHeadsOf.get(root) ?? numHeads
      if (known !== numHeads) {
        throw new Error(`attentions of ${known} and of ${numHeads} heads share the features of ${context}`)
      }
      numHeadsOf.set(root, numHeads)
    }
  }
  return { groupOf: (root: Axis) => groups.find(root), numHeadsOf }
}

/** Name each free axis after the first tap that lies along it, in the order of the taps; the rest after a member. */
function nameAxes(
  taps: readonly Tap[],
  rootOf: (tap: Tap) => Axis,
  members: ReadonlyMap<Axis, readonly ParameterAxis[]>,
): Map<Axis, string> {
  const names = new Map<Axis, string>()
  const taken = new Set<string>()
  for (const tap of taps) {
    const root = rootOf(tap)
    if (!members.has(root) || names.has(root)) continue
    const preferred = axisNameOfTap(tap)
    const name = taken.has(preferred) ? tap.name : preferred
    names.set(root, name)
    taken.add(name)
  }
  for (const [root, [first]] of members) {
    const segment = first!.segment === undefined ? '' : `:${first!.segment.offset}`
    if (!names.has(root)) names.set(root, `${parameterAxis(first!.parameter, first!.axis)}${segment}`)
  }
  return names
}

function axisNameOfTap(tap: Tap): string {
  if (tap.site === 'residual') return 'residual'
  return tap.site === 'query' || tap.site === 'key' ? `queryKey.${tap.layer}` : tap.name
}

/** Name each group of heads after the layer of the first tap that lies along one of its axes, or after an axis. */
function nameGroups(
  taps: readonly Tap[],
  rootOf: (tap: Tap) => Axis,
  names: ReadonlyMap<Axis, string>,
  groupOf: (root: Axis) => string,
): Map<string, string> {
  const groupNames = new Map<string, string>()
  for (const [root, name] of names) {
    const group = groupOf(root)
    if (groupNames.has(group)) continue
    const tap = taps.find(
      (candidate) => ['attention', 'query', 'key'].includes(candidate.site) && groupOf(rootOf(candidate)) === group,
    )
    const preferred = `heads.${tap?.layer ?? name}`
    groupNames.set(group, [...groupNames.values()].includes(preferred) ? `heads.${name}` : preferred)
  }
  return groupNames
}

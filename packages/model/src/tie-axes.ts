import { DisjointSets } from './disjoint-sets.ts'
import type { Graph, Node, ValueId } from './graph.ts'

/** An axis of a value or parameter, up to the ties: a name in {@link AxisTies.sets}. */
export type Axis = string

/** The axis of everything whose order has a meaning outside of the graph. */
export const fixedAxis: Axis = 'fixed'

/** Name an axis of a parameter. */
export function parameterAxis(parameter: string, axis: number): Axis {
  return `${parameter}[${axis}]`
}

/** Which axes must be permuted together, as found by one pass over a graph. */
export interface AxisTies {
  /** Axes in one set take one permutation; those in the set of {@link fixedAxis} take none. */
  readonly sets: DisjointSets
  /** The axes of every value, slowest first. */
  readonly axes: ReadonlyMap<ValueId, readonly Axis[]>
  /** Each attention node's feature axes, of which each is `numHeads` heads × features within a head. */
  readonly attentions: readonly AttentionTies[]
  /** Axes that are a part of another: `part` is features `start` to `start + size − 1` of `whole`. */
  readonly slices: readonly {
    readonly whole: Axis
    readonly part: Axis
    readonly start: number
    readonly size: number
  }[]
}

/** The values whose last axes are an attention's heads. */
export interface AttentionTies {
  readonly queryKey: ValueId
  readonly context: ValueId
  readonly numHeads: number
}

/** Tie the axes of a graph: each operator either hands an axis on or ties it to another.
 *
 *  A new axis comes only from a parameter or a slice; the axes of inputs are fixed, and so are those of outputs that are no tap.
 */
export function tieAxes(graph: Graph): AxisTies {
  const sets = new DisjointSets()
  const axes = new Map<ValueId, readonly Axis[]>()
  const attentions: AttentionTies[] = []
  const slices: AxisTies['slices'][number][] = []
  const rankOf = new Map(graph.parameters.map(({ name, shape }) => [name, shape.length]))
  for (const input of graph.inputs) {
    axes.set(
      input.name,
      input.shape.map(() => fixedAxis),
    )
  }
  for (const node of graph.nodes) {
    axes.set(
      node.output,
      tieNode(node, (value) => axes.get(value)!, rankOf, sets),
    )
    if (node.op === 'attention') {
      attentions.push({ queryKey: node.query, context: node.value, numHeads: node.numHeads })
    } else if (node.op === 'slice') {
      const [whole, part] = [lastOf(axes.get(node.input)!), lastOf(axes.get(node.output)!)]
      slices.push({ whole, part, start: node.start, size: node.size })
    }
  }
  const tapped = new Set(graph.taps.map((tap) => tap.value))
  for (const value of Object.values(graph.outputs)) {
    if (tapped.has(value)) continue
    for (const axis of axes.get(value)!) sets.union(fixedAxis, axis)
  }
  return { sets, axes, attentions, slices }
}

function tieNode(
  node: Node,
  axesOf: (value: ValueId) => readonly Axis[],
  rankOf: ReadonlyMap<string, number>,
  sets: DisjointSets,
): readonly Axis[] {
  const tie = (a: Axis, b: Axis) => sets.union(a, b)
  const fix = (axis: Axis) => sets.union(fixedAxis, axis)
  switch (node.op) {
    case 'gather':
      fix(parameterAxis(node.table, 0))
      return [...axesOf(node.indices), parameterAxis(node.table, 1)]
    case 'positions': {
      const last = rankOf.get(node.table)! - 1
      for (let axis = 0; axis < last; axis++) fix(parameterAxis(node.table, axis))
      return [axesOf(node.like)[1]!, parameterAxis(node.table, last)]
    }
    case 'row':
      fix(parameterAxis(node.table, 0))
      return [parameterAxis(node.table, 1)]
    case 'patches': {
      const input = axesOf(node.input)
      for (const axis of input.slice(1)) fix(axis)
      return [input[0]!, fixedAxis, fixedAxis]
    }
    case 'prepend': {
      const [batch, sequence, width] = axesOf(node.input)
      for (const axis of [sequence!, parameterAxis(node.table, 0), parameterAxis(node.table, 1)]) fix(axis)
      tie(width!, parameterAxis(node.table, 2))
      return [batch!, fixedAxis, width!]
    }
    case 'linear': {
      const input = axesOf(node.input)
      const [out, into] = node.weightLayout === 'outIn' ? [0, 1] : [1, 0]
      const rank = rankOf.get(node.weight)!
      tie(lastOf(input), parameterAxis(node.weight, into))
      // Where more axes are flattened into one, none of them can be permuted as a whole.
      if (rank > 2) for (let axis = 1; axis < rank; axis++) fix(parameterAxis(node.weight, axis))
      if (node.bias !== null) tie(parameterAxis(node.weight, out), parameterAxis(node.bias, 0))
      return [...input.slice(0, -1), parameterAxis(node.weight, out)]
    }
    case 'slice':
      return [...axesOf(node.input).slice(0, -1), `${node.output}[features]`]
    case 'matmul': {
      const [left, right] = [axesOf(node.left), axesOf(node.right)]
      tie(left[node.transposeLeft ? 0 : 1]!, right[node.transposeRight ? 1 : 0]!)
      return [left[node.transposeLeft ? 1 : 0]!, right[node.transposeRight ? 0 : 1]!]
    }
    case 'add': {
      const [left, right] = [axesOf(node.left), axesOf(node.right)]
      right.forEach((axis, i) => {
        tie(left[left.length - right.length + i]!, axis)
      })
      return left
    }
    case 'layerNorm': {
      const input = axesOf(node.input)
      for (const parameter of [node.weight, node.bias]) tie(lastOf(input), parameterAxis(parameter, 0))
      return input
    }
    case 'gelu':
    case 'tanh':
    case 'relu':
    case 'softmax':
      return axesOf(node.input)
    case 'attention': {
      const [query, key, value] = [axesOf(node.query), axesOf(node.key), axesOf(node.value)]
      tie(lastOf(query), lastOf(key))
      for (const axis of [query, key, value].flatMap((axes) => axes.slice(0, -1))) fix(axis)
      return value
    }
    case 'select': {
      const input = axesOf(node.input)
      for (const axis of input.slice(0, -1)) fix(axis)
      return [axesOf(node.indices)[0]!, lastOf(input)]
    }
    case 'first': {
      const [batch, sequence, width] = axesOf(node.input)
      fix(sequence!)
      return [batch!, width!]
    }
    case 'crossEntropy': {
      for (const axis of axesOf(node.logits)) fix(axis)
      return axesOf(node.labels)
    }
    case 'squaredError': {
      for (const axis of axesOf(node.predictions)) fix(axis)
      return axesOf(node.labels)
    }
  }
}

function lastOf(axes: readonly Axis[]): Axis {
  return axes.at(-1)!
}

import type { Graph, PermutableAxis, Symmetries } from '@isthmus/model'
import type { Component } from './alignment-method.ts'
import { writtenAt } from './incoming-members.ts'

/** Axes that are chosen together: one whose features may go anywhere, or those that share an order of heads. */
export type AxisBlock = readonly PermutableAxis[]

/** The free axes that belong to a component.
 *
 *  `ffn` and `attention` have those on which their taps lie; `residual` has the stream and whatever else is free: the
 *  features of a head, where no tied decoder makes them the stream's. Together they are all axes of the group.
 */
export function componentAxes(graph: Graph, symmetries: Symmetries, component: Component): PermutableAxis[] {
  const axesAt = (...sites: readonly string[]) =>
    new Set(graph.taps.filter(({ site }) => sites.includes(site)).map(({ name }) => symmetries.axisOfTap(name)))
  const feedForward = axesAt('ffn')
  const attention = axesAt('attention', 'query', 'key')
  return symmetries.axes.filter((axis) => {
    if (feedForward.has(axis)) return component === 'ffn'
    return component === (attention.has(axis) ? 'attention' : 'residual')
  })
}

/** Put axes that share their heads together, in the order in which the graph writes the blocks. */
export function axisBlocks(graph: Graph, axes: readonly PermutableAxis[]): AxisBlock[] {
  const blocks = new Map<string, PermutableAxis[]>()
  for (const axis of axes) {
    const key = axis.heads === null ? `axis ${axis.name}` : `heads ${axis.heads.group}`
    blocks.set(key, [...(blocks.get(key) ?? []), axis])
  }
  const firstWrite = (block: AxisBlock) =>
    Math.min(...block.flatMap(({ members }) => members.map((member) => writtenAt(graph, member))))
  return [...blocks.values()].sort((left, right) => firstWrite(left) - firstWrite(right))
}

/** The names of the parameters that a block reaches. */
export function blockParameters(block: AxisBlock): Set<string> {
  return new Set(block.flatMap(({ members }) => members.map(({ parameter }) => parameter)))
}

import { UserError } from '@isthmus/tensor'
import type { Digest } from './digest.ts'
import type { Node } from './node.ts'

/** A node among those that a set of targets needs. */
export interface PlannedNode {
  readonly node: Node
  /** What must be done before it: its inputs, and what it comes after. */
  readonly dependencies: ReadonlySet<PlannedNode>
  readonly dependents: readonly PlannedNode[]
}

/** The nodes that a set of targets needs, each once, dependencies first. */
export interface GraphPlan {
  readonly nodes: readonly PlannedNode[]
  readonly byIdentity: ReadonlyMap<Digest, PlannedNode>
  /** How many nodes were made beside those in `nodes`, equal to one of them. */
  readonly deduplicated: number
}

interface MutablePlannedNode extends PlannedNode {
  readonly dependencies: Set<MutablePlannedNode>
  readonly dependents: MutablePlannedNode[]
}

/** Collect all nodes that targets need and merge equal ones. Linear in nodes and edges.
 *
 *  @throws {UserError} when, through `after`, nodes wait for each other.
 */
export function planGraph(targets: readonly Node[]): GraphPlan {
  const made = collect(targets)
  const byIdentity = new Map<Digest, MutablePlannedNode>()
  for (const node of made) {
    if (!byIdentity.has(node.identity)) {
      byIdentity.set(node.identity, { node, dependencies: new Set(), dependents: [] })
    }
  }
  for (const node of made) {
    const planned = byIdentity.get(node.identity)!
    for (const before of predecessors(node)) planned.dependencies.add(byIdentity.get(before.identity)!)
  }
  for (const planned of byIdentity.values()) {
    for (const dependency of planned.dependencies) dependency.dependents.push(planned)
  }
  return { nodes: topologicalOrder([...byIdentity.values()]), byIdentity, deduplicated: made.length - byIdentity.size }
}

/** The nodes that targets need, themselves included, each once, inputs first. */
export function nodesOf(targets: readonly Node[]): Node[] {
  return [...new Map(collect(targets).map((node) => [node.identity, node])).values()]
}

/** How many of the nodes of a plan are of each operation, by its id. */
export function countOperations({ nodes }: GraphPlan): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { node } of nodes) counts.set(node.operation.id, (counts.get(node.operation.id) ?? 0) + 1)
  return counts
}

/** All node objects that are reached, each after what it needs, targets in their order. */
function collect(targets: readonly Node[]): Node[] {
  const isMade = new Map<Node, boolean>()
  const made: Node[] = []
  const stack = [...targets].reverse()
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const state = isMade.get(top)
    if (state === undefined) {
      isMade.set(top, false)
      stack.push(top)
      for (const before of predecessors(top).reverse()) if (!isMade.has(before)) stack.push(before)
    } else if (!state) {
      isMade.set(top, true)
      made.push(top)
    }
  }
  return made
}

function predecessors(node: Node): Node[] {
  const before: Node[] = []
  for (const input of Object.values(node.inputs)) {
    if ('kind' in input) {
      if (input.kind === 'node') before.push(input)
    } else {
      for (const item of input) if (item.kind === 'node') before.push(item)
    }
  }
  return before.concat(node.after)
}

/** @see Kahn (1962), Topological sorting of large networks. */
function topologicalOrder(nodes: readonly MutablePlannedNode[]): PlannedNode[] {
  const unmet = new Map(nodes.map((planned) => [planned, planned.dependencies.size]))
  const order = nodes.filter((planned) => planned.dependencies.size === 0)
  for (let i = 0; i < order.length; i++) {
    for (const dependent of order[i]!.dependents) {
      const left = unmet.get(dependent)! - 1
      unmet.set(dependent, left)
      if (left === 0) order.push(dependent)
    }
  }
  if (order.length < nodes.length) {
    const waiting = nodes.filter((planned) => unmet.get(planned)! > 0).map(({ node }) => `'${node.label}'`)
    throw new UserError(
      `The nodes ${waiting.slice(0, 5).join(', ')} wait for each other: remove one of them from an 'after' list.`,
    )
  }
  return order
}

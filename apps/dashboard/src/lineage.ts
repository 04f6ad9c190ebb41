import dagre, { type Edge } from '@dagrejs/dagre'
import type { Row } from './server.ts'

/** A step that led to a result. */
export interface StepRow extends Row {
  readonly digest: string
  readonly operation: string
  readonly key: string
  /** JSON: digests by the names of the inputs. */
  readonly inputs: string
  readonly seconds: number | null
}

/** A checkpoint among the inputs. */
export interface ModelRow extends Row {
  readonly digest: string
  readonly name: string
  readonly source: string | null
}

/** A box of the graph: a step, several that differ in nothing but their settings, a checkpoint, or a file. */
export interface LineageNode {
  readonly id: string
  readonly kind: 'result' | 'step' | 'model' | 'file'
  readonly title: string
  readonly detail: string
  readonly digests: readonly string[]
  /** Ids of boxes that it is made from. */
  readonly from: readonly string[]
}

/** Where a box is, its middle, in pixels. */
export interface PlacedNode extends LineageNode {
  readonly x: number
  readonly y: number
}

/** A graph that is laid out. */
export interface Lineage {
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly (readonly { readonly x: number; readonly y: number }[])[]
  readonly width: number
  readonly height: number
}

const margin = 6

/** The size of a box, in pixels. */
export const boxSize = { width: 172, height: 42 }

/** The query of every step that led to contents.
 *
 *  @param roots A query of the digests of the contents.
 */
export function stepsQuery(roots: string): string {
  return `
with recursive made(digest) as (
  ${roots}
  union
  select unnest(regexp_extract_all(cast(inputs as varchar), '[0-9a-f]{64}'))
  from artifact join made using (digest)
)
select digest, arg_min(operation, key) as operation, min(key) as key,
       arg_min(cast(inputs as varchar), key) as inputs, arg_min(seconds, key) as seconds
from artifact join made using (digest)
group by digest
order by digest`
}

/** The boxes of a lineage.
 *
 *  @param roots Digests of the result’s own contents.
 */
export function lineageNodes(
  steps: readonly StepRow[],
  models: readonly ModelRow[],
  roots: readonly string[],
): LineageNode[] {
  const boxOf = new Map<string, string>()
  const grouped = new Map<string, StepRow[]>()
  for (const step of steps) {
    const id = `${step.operation} ${step.inputs}`
    boxOf.set(step.digest, id)
    grouped.set(id, [...(grouped.get(id) ?? []), step])
  }
  const leaves = new Map<string, LineageNode>()
  const named = new Map(models.map((model) => [model.digest, model]))
  const leafOf = (digest: string, name: string): string => {
    if (!leaves.has(digest)) leaves.set(digest, leafNode(digest, name, named.get(digest)))
    return digest
  }
  const boxes = [...grouped].map(([id, rows]): LineageNode => {
    const inputs = inputsOf(rows[0]!)
    return {
      id,
      kind: rows.some(({ digest }) => roots.includes(digest)) ? 'result' : 'step',
      title: rows[0]!.operation.replace(/^[^.]*\./, ''),
      detail: stepDetail(rows),
      digests: rows.map(({ digest }) => digest),
      from: [...new Set(inputs.map(({ name, digest }) => boxOf.get(digest) ?? leafOf(digest, name)))],
    }
  })
  return [...boxes, ...leaves.values()]
}

function inputsOf({ inputs }: StepRow): { readonly name: string; readonly digest: string }[] {
  const parsed = JSON.parse(inputs) as Record<string, string | readonly string[]>
  return Object.entries(parsed).flatMap(([name, value]) => [value].flat().map((digest) => ({ name, digest })))
}

function stepDetail(rows: readonly StepRow[]): string {
  const seconds = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0)
  return `${rows.length > 1 ? `${rows.length} × · ` : ''}${seconds.toFixed(1)} s`
}

/** What no step has made. */
function leafNode(digest: string, name: string, model: ModelRow | undefined): LineageNode {
  const isModel = model !== undefined
  return {
    id: digest,
    kind: isModel ? 'model' : 'file',
    title: isModel ? model.name : name,
    detail: (isModel ? model.source : null) ?? digest.slice(0, 12),
    digests: [digest],
    from: [],
  }
}

/** Lay boxes out, what is made to the right of what it is made from. */
export function layOut(nodes: readonly LineageNode[]): Lineage {
  const graph = new dagre.graphlib.Graph()
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 44, marginx: margin, marginy: margin })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { id } of nodes) graph.setNode(id, { ...boxSize })
  for (const { id, from } of nodes) for (const source of from) graph.setEdge(source, id)
  dagre.layout(graph)
  const edges: Lineage['edges'] = graph.edges().map((edge: Edge) => graph.edge(edge).points)
  // The graph's own size has its boxes, and not all bends of its lines.
  const { width = 0, height = 0 } = graph.graph()
  const bends = edges.flat()
  return {
    nodes: nodes.map((node) => {
      const { x, y } = graph.node(node.id)
      return { ...node, x, y }
    }),
    edges,
    width: Math.max(width, ...bends.map(({ x }) => x + margin)),
    height: Math.max(height, ...bends.map(({ y }) => y + margin)),
  }
}

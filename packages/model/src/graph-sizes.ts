import { elementCount } from '@isthmus/tensor'
import type { Graph } from './graph.ts'

/** How large a transformer is, whatever its configuration calls it. */
export interface GraphSizes {
  /** The width of the residual stream. */
  readonly hiddenSize: number
  readonly layers: number
  /** Of a layer. */
  readonly heads: number
  /** The tokens that it knows; 0 where it reads none. */
  readonly vocabulary: number
}

/** How many numbers the parameters of a graph are. */
export function parameterCount({ parameters }: Pick<Graph, 'parameters'>): number {
  return parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)
}

/** Read the sizes of a transformer from its graph. What the graph does not have is 0. */
export function graphSizes({ nodes, taps, parameters }: Graph): GraphSizes {
  const attention = nodes.filter((node) => node.op === 'attention')
  const words = nodes.find((node) => node.op === 'gather' && node.indices === 'inputIds')
  const table = words?.op === 'gather' ? parameters.find(({ name }) => name === words.table) : undefined
  return {
    hiddenSize: taps.find(({ site }) => site === 'residual')?.width ?? 0,
    layers: attention.length,
    heads: attention[0]?.numHeads ?? 0,
    vocabulary: table?.shape[0] ?? 0,
  }
}

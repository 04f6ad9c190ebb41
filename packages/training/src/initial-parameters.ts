import { randomStream } from '@isthmus/corpus'
import type { Graph, Node, Parameter, ValueId } from '@isthmus/model'
import { elementCount, type Tensor, UserError } from '@isthmus/tensor'
import type { Initialization } from './initialization.ts'
import { normalValues } from './normal-values.ts'
import { randomOrthogonal } from './random-orthogonal.ts'

/** Draw the weights that a training starts from.
 *
 *      matrices          N(0, σ²)
 *      query, key        s · N(0, σ²), with tieQueryKey W_Q = W_K
 *      positions         N(0, σ_P²), or √2 σ_P S Q,  S[p, 2i] = sin(p / b^{2i/d}),  S[p, 2i+1] = cos(p / b^{2i/d}),
 *                        Q orthogonal [d, d], drawn
 *      biases            0
 *      gains of norms    1
 *
 *  What a parameter is follows from the nodes that read it. Each is drawn from a stream of its own, by the seed and its
 *  name: that of one does not depend on what others there are.
 *  @param seed An integer of {0 … 2⁵³−1}.
 *  @returns f32, by name, in the graph's order and shapes.
 *  @throws {UserError} when queries or keys are to be scaled or tied, and are no linear maps of their own.
 */
export function initialParameters(graph: Graph, settings: Initialization, seed: number): Map<string, Tensor> {
  const roles = parameterRoles(graph, settings)
  return new Map(
    graph.parameters.map((parameter) => [
      parameter.name,
      { shape: parameter.shape, data: Float32Array.from(draw(parameter, roles, settings, seed)) },
    ]),
  )
}

/** How a parameter is drawn: by its own name or, of tied ones, another's. */
type Role =
  | { readonly kind: 'ones' | 'zeros' | 'positions' }
  | { readonly kind: 'normal'; readonly drawnAs: string; readonly scale: number }

function draw(
  { name, shape }: Parameter,
  roles: ReadonlyMap<string, Role>,
  settings: Initialization,
  seed: number,
): Float64Array {
  const role = roles.get(name) ?? { kind: 'normal', drawnAs: name, scale: 1 }
  const size = elementCount(shape)
  switch (role.kind) {
    case 'ones':
      return new Float64Array(size).fill(1)
    case 'zeros':
      return new Float64Array(size)
    case 'positions':
      return drawPositions(name, shape, settings, seed)
    case 'normal': {
      const stream = randomStream(seed, 'initial', role.drawnAs)
      return normalValues(stream, size, role.scale * settings.standardDeviation)
    }
  }
}

function parameterRoles(graph: Graph, settings: Initialization): Map<string, Role> {
  const roles = new Map<string, Role>()
  for (const node of graph.nodes) {
    if (node.op === 'layerNorm') roles.set(node.weight, { kind: 'ones' }).set(node.bias, { kind: 'zeros' })
    if (node.op === 'linear' && node.bias !== null) roles.set(node.bias, { kind: 'zeros' })
    if (node.op === 'positions') roles.set(node.table, { kind: 'positions' })
    if (node.op === 'attention') addQueryKey(roles, graph, node, settings)
  }
  return roles
}

function addQueryKey(
  roles: Map<string, Role>,
  graph: Graph,
  attention: Extract<Node, { op: 'attention' }>,
  { tieQueryKey, queryKeyScale: scale }: Initialization,
): void {
  if (!tieQueryKey && scale === 1) return
  const [query, key] = [attention.query, attention.key].map((value) => weightOf(graph, value, attention.output))
  roles.set(key!, { kind: 'normal', drawnAs: key!, scale })
  roles.set(query!, { kind: 'normal', drawnAs: tieQueryKey ? key! : query!, scale })
}

/** The weight of the linear map that computes a value. */
function weightOf(graph: Graph, value: ValueId, attention: ValueId): string {
  const node = graph.nodes.find(({ output }) => output === value)
  if (node?.op === 'linear') return node.weight
  throw new UserError(
    `initialization.tieQueryKey and queryKeyScale need queries that are a linear map of their own, but '${value}' of ` +
      `'${attention}' in ${graph.architecture} comes from ${node?.op ?? 'an input'}: set tieQueryKey=false and ` +
      'queryKeyScale=1',
  )
}

function drawPositions(
  name: string,
  shape: readonly number[],
  { positions, positionBase, positionStandardDeviation }: Initialization,
  seed: number,
): Float64Array {
  const stream = randomStream(seed, 'initial', name)
  const [rows, width] = shape.slice(-2) as [number, number]
  if (positions === 'normal') return normalValues(stream, rows * width, positionStandardDeviation)
  const basis = randomOrthogonal(stream, width)
  const table = new Float64Array(rows * width)
  for (let position = 0; position < rows; position++) {
    const wave = sinusoids(position, width, positionBase)
    for (let j = 0; j < width; j++) {
      let sum = 0
      for (let i = 0; i < width; i++) sum += wave[i]! * basis[i * width + j]!
      table[position * width + j] = Math.SQRT2 * positionStandardDeviation * sum
    }
  }
  return table
}

/** Sines and cosines of one position, in turn; of an odd width the last is a sine alone. */
function sinusoids(position: number, width: number, base: number): Float64Array {
  return Float64Array.from({ length: width }, (_, i) => {
    const angle = position / base ** ((i - (i % 2)) / width)
    return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
  })
}

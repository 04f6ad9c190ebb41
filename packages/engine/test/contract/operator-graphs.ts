import { type Graph, type GraphBuilder, graphBuilder, type Node, type ValueId } from '@isthmus/model'
import type { DimensionSizes } from '../../src/resolve-shape.ts'

/** A small graph that uses an operator in one of its ways. All values that it computes are outputs. */
export interface OperatorGraph {
  readonly name: string
  readonly graph: Graph
  readonly sizes: DimensionSizes
  /** For each int32 input, the number of things that it indexes. */
  readonly limits: Readonly<Record<string, number>>
}

/** All operators; the type makes the list complete. */
export const operators = Object.keys({
  gather: true,
  positions: true,
  row: true,
  patches: true,
  prepend: true,
  linear: true,
  slice: true,
  matmul: true,
  add: true,
  layerNorm: true,
  gelu: true,
  tanh: true,
  relu: true,
  attention: true,
  select: true,
  first: true,
  softmax: true,
  crossEntropy: true,
  squaredError: true,
} satisfies Record<Node['op'], true>)

/** Every operator, in the ways in which architectures use it. */
export const operatorGraphs: readonly OperatorGraph[] = [
  ...[false, true].flatMap((left) => [false, true].map((right) => matmul(left, right))),
  operatorGraph('elementwise functions of rank 3', (graph) => elementwise(graph, tokens(graph, 'x', 6))),
  operatorGraph('elementwise functions of rank 2', (graph) =>
    elementwise(graph, graph.input('x', 'float32', ['n', 6])),
  ),
  operatorGraph('linear maps of both ranks, with and without bias', linearMaps),
  operatorGraph('embeddings', embeddings, { ids: 7 }),
  operatorGraph('images as tokens', imagesAsTokens),
  operatorGraph('slices of a fused linear map', slices),
  operatorGraph('sums and layer norms', sumsAndNorms),
  operatorGraph('rows by position', rowsByPosition, { indices: 2 * 5 }),
  operatorGraph('cross-entropy of steep logits', steepCrossEntropy, { labels: 6 }),
  operatorGraph('squared error of predicted scores', squaredErrors),
  ...[false, true].flatMap((causal) => [false, true].map((masked) => attention(causal, masked))),
]

/** Attention over more tokens than a kernel takes at once: too many for finite differences. */
export const longAttentionGraphs: readonly OperatorGraph[] = [false, true].flatMap((causal) =>
  [false, true].map((masked) => attentionOverMany(causal, masked)),
)

function operatorGraph(
  name: string,
  define: (graph: GraphBuilder) => void,
  limits: Readonly<Record<string, number>> = {},
  sequence = 5,
): OperatorGraph {
  const builder = graphBuilder(name)
  define(builder)
  const graph = builder.build()
  const outputs = Object.fromEntries(graph.nodes.map(({ output }) => [output, output]))
  return { name, graph: { ...graph, outputs }, sizes: new Map(Object.entries({ batch: 2, sequence, n: 3 })), limits }
}

function tokens(graph: GraphBuilder, name: string, width: number): ValueId {
  return graph.input(name, 'float32', ['batch', 'sequence', width])
}

function matmul(left: boolean, right: boolean): OperatorGraph {
  return operatorGraph(`matmul of ${left ? 'leftᵀ' : 'left'} and ${right ? 'rightᵀ' : 'right'}`, (graph) => {
    const x = graph.input('left', 'float32', left ? [4, 'n'] : ['n', 4])
    const y = graph.input('right', 'float32', right ? [5, 4] : [4, 5])
    graph.matmul(x, y, { left, right }, 'product')
  })
}

function elementwise(graph: GraphBuilder, x: ValueId): void {
  graph.gelu(x, 'none', 'gelu')
  graph.gelu(x, 'tanh', 'geluTanh')
  graph.tanh(x, 'tanh')
  graph.relu(x, 'relu')
  graph.softmax(x, 'softmax')
}

function linearMaps(graph: GraphBuilder): void {
  const weight = graph.parameter('weight', [3, 6])
  for (const [name, input] of [
    ['rank3', tokens(graph, 'x', 6)],
    ['rank2', graph.input('y', 'float32', ['n', 6])],
  ] as const) {
    graph.linear(input, weight, graph.parameter('bias', [3]), `${name}.biased`)
    graph.linear(input, weight, null, `${name}.unbiased`)
    graph.linear(input, graph.parameter('transposed', [6, 4]), graph.parameter('wide', [4]), `${name}.inOut`, 'inOut')
    graph.linear(input, graph.parameter('kernel', [5, 2, 3]), null, `${name}.flattened`)
  }
}

/** Slices of rank 3 and 2, of which the first goes on as query, key and value do. */
function slices(graph: GraphBuilder): void {
  const [x, fused] = [tokens(graph, 'x', 6), graph.parameter('fused', [6, 12])]
  const mapped = graph.linear(x, fused, null, 'mapped', 'inOut')
  const [query, key, value] = ['query', 'key', 'value'].map((name, i) =>
    graph.slice(mapped, { start: 4 * i, size: 4 }, name),
  ) as [ValueId, ValueId, ValueId]
  graph.attention({ query, key, value, mask: null, numHeads: 2, causal: true }, 'context')
  graph.slice(x, { start: 5, size: 1 }, 'last')
  graph.slice(graph.input('rows', 'float32', ['n', 6]), { start: 1, size: 4 }, 'middle')
}

/** What a ViT does with an image: patches, a token before them, positions, and layers over a known number of tokens. */
function imagesAsTokens(graph: GraphBuilder): void {
  const pixels = graph.input('pixels', 'float32', ['batch', 2, 6, 9])
  const patches = graph.patches(pixels, 3, 'patches')
  const embedded = graph.linear(
    patches,
    graph.parameter('kernel', [8, 2, 3, 3]),
    graph.parameter('bias', [8]),
    'embedded',
  )
  const withToken = graph.prepend(graph.parameter('token', [1, 1, 8]), embedded, 'tokens')
  const positions = graph.positions(graph.parameter('places', [1, 7, 8]), withToken, 'placed')
  const sum = graph.add(withToken, positions, 'sum')
  const context = graph.attention(
    { query: sum, key: sum, value: sum, mask: null, numHeads: 2, causal: false },
    'context',
  )
  graph.first(graph.add(sum, graph.linear(context, graph.parameter('out', [8, 8]), null, 'mapped'), 'stream'), 'first')
}

function embeddings(graph: GraphBuilder): void {
  const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
  const words = graph.gather(graph.parameter('words', [7, 6]), ids, 'embedded')
  const positions = graph.positions(graph.parameter('places', [8, 6]), ids, 'placed')
  const sum = graph.add(words, positions, 'sum')
  graph.add(sum, graph.row(graph.parameter('types', [2, 6]), 1, 'type'), 'typed')
  graph.positions(graph.parameter('paddedPlaces', [8, 6]), ids, 'placedLater', 2)
}

/** Sums that are read once, twice, and by nothing but the caller, before and after the norms. */
function sumsAndNorms(graph: GraphBuilder): void {
  const [x, y] = [tokens(graph, 'x', 6), tokens(graph, 'y', 6)]
  const [gamma, beta] = [graph.parameter('gamma', [6]), graph.parameter('beta', [6])]
  graph.layerNorm(graph.add(y, x, 'once'), gamma, beta, 1e-5, 'normedOnce')
  const sum = graph.add(x, y, 'sum')
  const normed = graph.layerNorm(sum, gamma, beta, 1e-5, 'normed')
  const again = graph.add(normed, sum, 'again')
  graph.layerNorm(graph.tanh(again, 'bent'), gamma, beta, 1e-12, 'normedAgain')
  graph.layerNorm(graph.input('rows', 'float32', ['n', 6]), gamma, beta, 1e-5, 'normedRows')
}

function rowsByPosition(graph: GraphBuilder): void {
  const x = tokens(graph, 'x', 6)
  graph.select(x, graph.input('indices', 'int32', ['n']), 'selected')
  graph.tanh(graph.first(x, 'first'), 'pooled')
  graph.first(graph.linear(x, graph.parameter('weight', [4, 6]), null, 'mapped'), 'firstMapped')
}

/** Logits to about ±300, whose exponentials are no f32. */
function steepCrossEntropy(graph: GraphBuilder): void {
  const x = graph.input('x', 'float32', ['n', 6])
  const steep = graph.matmul(x, graph.input('scale', 'float32', [6, 6]), {}, 'steep')
  const logits = graph.matmul(steep, graph.input('scaleAgain', 'float32', [6, 6]), {}, 'logits')
  graph.crossEntropy(logits, graph.input('labels', 'int32', ['n']), 'loss')
}

function squaredErrors(graph: GraphBuilder): void {
  const x = graph.input('x', 'float32', ['n', 6])
  const scores = graph.linear(x, graph.parameter('weight', [1, 6]), graph.parameter('bias', [1]), 'scores')
  graph.squaredError(scores, graph.input('labels', 'float32', ['n']), 'loss')
}

/** Attention whose values are wider than its queries. */
function attention(causal: boolean, masked: boolean): OperatorGraph {
  return operatorGraph(attentionName(causal, masked), attentionOf({ widths: [6, 6, 9], numHeads: 3, causal, masked }), {
    attentionMask: 2,
  })
}

/** Attention over more tokens than a kernel takes at once, in heads of a size that kernels are made for. */
function attentionOverMany(causal: boolean, masked: boolean): OperatorGraph {
  return operatorGraph(
    `${attentionName(causal, masked)}, over many tokens`,
    attentionOf({ widths: [16, 16, 16], numHeads: 2, causal, masked }),
    { attentionMask: 2 },
    70,
  )
}

function attentionName(causal: boolean, masked: boolean): string {
  return `${causal ? 'causal' : 'bidirectional'} attention ${masked ? 'with' : 'without'} a mask`
}

interface AttentionCase {
  /** Of queries, keys and values. */
  readonly widths: readonly [number, number, number]
  readonly numHeads: number
  readonly causal: boolean
  readonly masked: boolean
}

function attentionOf({ widths, numHeads, causal, masked }: AttentionCase): (graph: GraphBuilder) => void {
  return (graph) => {
    const mask = masked ? graph.input('attentionMask', 'int32', ['batch', 'sequence']) : null
    const [query, key, value] = (['query', 'key', 'value'] as const).map((name, i) =>
      tokens(graph, name, widths[i]!),
    ) as [ValueId, ValueId, ValueId]
    graph.attention({ query, key, value, mask, numHeads, causal }, 'context')
  }
}

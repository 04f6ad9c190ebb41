import { pruneGraph, selectEarly } from '@isthmus/engine'
import type { Dimension, Graph, Node, ValueId } from '@isthmus/model'
import type { OnnxInitializer, OnnxModel, OnnxNode, OnnxValue } from './onnx-model.ts'

/** Which lowering this is: results depend on it in their last bits. Raise it with every change of what is emitted. */
export const loweringRevision = 3

/** A graph lowered to ONNX, and how to read its results. */
export interface LoweredGraph {
  readonly model: OnnxModel
  /** The part of the graph that was lowered. */
  readonly graph: Graph
  /** For each requested name: the ONNX output, and its logical shape. */
  readonly results: ReadonlyMap<string, { readonly output: string; readonly shape: readonly Dimension[] }>
}

export interface LoweringOptions {
  /** Write attention in ONNX's own operators, where `MultiHeadAttention` takes no mask or computes wrongly. */
  readonly plainAttention?: boolean
}

/** Lower what the requested outputs need to ONNX, weights as inputs.
 *
 *  A value `[batch, sequence, width]` is kept as rows `[batch·sequence, width]` from the first `linear` on, so that
 *  every linear map is one GEMM with its bias; only attention sees the batch. After the last attention only the tokens
 *  that the head reads are left, where nothing else is asked for. Fused: `linear` with its bias → `Gemm`,
 *  `attention` → `MultiHeadAttention`. Not fused: `add` with the `layerNorm` of it, since ONNX Runtime's
 *  `SkipLayerNormalization` takes several times as long on a CPU as `Add` and `LayerNormalization` together.
 *
 *  @param names Names among the graph's outputs and taps.
 */
export function lowerGraph(graph: Graph, names: readonly string[], options: LoweringOptions = {}): LoweredGraph {
  const pruned = selectEarly(pruneGraph(graph, names))
  const lowering = new Lowering(pruned.graph, options)
  for (const node of pruned.graph.nodes) lowering.lower(node)
  const results = new Map<string, { output: string; shape: readonly Dimension[] }>()
  const outputs = new Map<string, OnnxValue>()
  for (const [name, value] of pruned.values) {
    const form = lowering.formOf(value)
    results.set(name, { output: form.name, shape: lowering.shapeOf(value) })
    outputs.set(form.name, { name: form.name, type: 'float', shape: form.shape })
  }
  return {
    graph: pruned.graph,
    results,
    model: {
      inputs: lowering.inputs(),
      outputs: [...outputs.values()],
      nodes: lowering.nodes,
      initializers: lowering.initializers,
    },
  }
}

/** ONNX Runtime's own operators. */
const contribOperators = new Set(['FastGelu', 'FusedMatMul', 'Gelu', 'MultiHeadAttention'])

/** Types to cast to, by their numbers in ONNX. */
const onnxTypes = { float: 1, bool: 9 } as const

/** What stands for −∞ in the scores of tokens that are hidden. */
const hiddenScore = -1e30

/** How a value is laid out: with its batch, or as rows. Both name the same data. */
type Layout = 'batched' | 'rows'

class Lowering {
  readonly nodes: OnnxNode[] = []
  readonly initializers: OnnxInitializer[] = []
  readonly #graph: Graph
  readonly #plainAttention: boolean
  /** The layouts in which a value exists so far, with their ONNX names. */
  readonly #forms = new Map<ValueId, Map<Layout, string>>()

  constructor(graph: Graph, { plainAttention = false }: LoweringOptions) {
    this.#graph = graph
    this.#plainAttention = plainAttention
    for (const input of graph.inputs) this.#define(input.name, 'batched', input.name)
  }

  inputs(): OnnxValue[] {
    return [
      ...this.#graph.inputs.map(({ name, dtype, shape }) => ({
        name,
        type: dtype === 'int32' ? ('int32' as const) : ('float' as const),
        shape,
      })),
      ...this.#graph.parameters.map(({ name, shape }) => ({ name, type: 'float' as const, shape })),
    ]
  }

  shapeOf(value: ValueId): readonly Dimension[] {
    return this.#graph.shapes[value]!
  }

  /** The first layout in which a value was made, with its ONNX shape. */
  formOf(value: ValueId): { name: string; shape: readonly Dimension[] } {
    const [layout, name] = [...this.#forms.get(value)!][0]!
    const shape = this.shapeOf(value)
    return { name, shape: layout === 'rows' && shape.length === 3 ? [`${name}.rows`, shape[2]!] : shape }
  }

  lower(node: Node): void {
    switch (node.op) {
      case 'gather':
        return this.#emit('Gather', [node.table, this.#batched(node.indices)], node.output, 'batched')
      case 'positions':
        return this.#lowerPositions(node)
      case 'row': {
        const index = this.#constant(`index.${node.index}`, [], [BigInt(node.index)])
        return this.#emit('Gather', [node.table, index], node.output, 'batched')
      }
      case 'patches':
        return this.#lowerPatches(node)
      case 'prepend':
        return this.#lowerPrepend(node)
      case 'linear':
        return this.#lowerLinear(node)
      case 'slice': {
        const layout = this.#layoutOf(node.input)
        const [start, end] = [node.start, node.start + node.size].map((at) =>
          this.#constant(`at.${at}`, [1], [BigInt(at)]),
        )
        const axis = this.#constant('lastAxis', [1], [-1n])
        return this.#emit('Slice', [this.#in(node.input, layout), start!, end!, axis], node.output, layout)
      }
      case 'matmul':
        return this.#emit('FusedMatMul', [this.#rows(node.left), this.#rows(node.right)], node.output, 'rows', {
          transA: Number(node.transposeLeft),
          transB: Number(node.transposeRight),
        })
      case 'add':
        return this.#lowerAdd(node)
      case 'layerNorm':
        return this.#lowerLayerNorm(node)
      case 'gelu': {
        const layout = this.#layoutOf(node.input)
        const op = node.approximation === 'tanh' ? 'FastGelu' : 'Gelu'
        return this.#emit(op, [this.#in(node.input, layout)], node.output, layout)
      }
      case 'tanh':
      case 'relu': {
        const layout = this.#layoutOf(node.input)
        return this.#emit(node.op === 'tanh' ? 'Tanh' : 'Relu', [this.#in(node.input, layout)], node.output, layout)
      }
      case 'softmax': {
        const layout = this.#layoutOf(node.input)
        return this.#emit('Softmax', [this.#in(node.input, layout)], node.output, layout, { axis: -1 })
      }
      case 'attention':
        return this.#lowerAttention(node)
      case 'select':
        return this.#emit('Gather', [this.#rows(node.input), node.indices], node.output, 'rows', { axis: 0 })
      case 'first':
        return this.#emit(
          'Gather',
          [this.#batched(node.input), this.#constant('zero', [], [0n])],
          node.output,
          'rows',
          {
            axis: 1,
          },
        )
      case 'crossEntropy':
        return this.#lowerCrossEntropy(node)
      case 'squaredError':
        return this.#lowerSquaredError(node)
    }
  }

  #lowerPositions({ table, like, offset, output }: Extract<Node, { op: 'positions' }>): void {
    const sequence = this.shapeOf(like)[1]!
    const shape = this.#parameterShape(table)
    const rows = shape.length === 2 ? table : this.#reshaped(table, shape.slice(1))
    const start = this.#constant(`at.${offset}`, [1], [BigInt(offset)])
    let end: string
    if (typeof sequence === 'number') {
      end = this.#constant(`at.${offset + sequence}`, [1], [BigInt(offset + sequence)])
    } else {
      end = this.#temporary(output, 'size')
      this.#push('Shape', [this.#batched(like)], [end], { start: 1, end: 2 })
      if (offset > 0) {
        this.#push('Add', [end, start], [this.#temporary(output, 'end')], {})
        end = this.#temporary(output, 'end')
      }
    }
    this.#emit('Slice', [rows, start, end, this.#constant('zeros', [1], [0n])], output, 'batched')
  }

  /** Cut both sides of the image in two axes, and bring those of the patches to the front. */
  #lowerPatches({ input, size, output }: Extract<Node, { op: 'patches' }>): void {
    const [, channels, height, width] = this.shapeOf(input).map(Number) as [number, number, number, number]
    const [rows, columns] = [height / size, width / size]
    const cut = this.#reshaped(input, [-1, channels, rows, size, columns, size])
    const moved = this.#temporary(output, 'moved')
    this.#push('Transpose', [cut], [moved], { perm: [0, 2, 4, 1, 3, 5] })
    const target = this.#shapeConstant([-1, channels * size * size])
    this.#emit('Reshape', [moved, target], output, 'rows')
  }

  #lowerPrepend({ table, input, output }: Extract<Node, { op: 'prepend' }>): void {
    const batched = this.#batched(input)
    const [batch, target, token] = ['batch', 'shape', 'token'].map((part) => this.#temporary(output, part)) as [
      string,
      string,
      string,
    ]
    this.#push('Shape', [batched], [batch], { start: 0, end: 1 })
    this.#push('Concat', [batch, this.#constant('ones', [2], [1n, 1n])], [target], { axis: 0 })
    this.#push('Expand', [table, target], [token], {})
    this.#emit('Concat', [token, batched], output, 'batched', { axis: 1 })
  }

  #lowerLinear({ input, weight, bias, weightLayout, output }: Extract<Node, { op: 'linear' }>): void {
    const shape = this.#parameterShape(weight)
    const matrix = shape.length === 2 ? weight : this.#reshaped(weight, [shape[0]!, -1])
    const operands = [this.#rows(input), matrix, ...(bias === null ? [] : [bias])]
    this.#emit('Gemm', operands, output, 'rows', { transB: Number(weightLayout === 'outIn') })
  }

  #lowerAdd({ left, right, output }: Extract<Node, { op: 'add' }>): void {
    const sameShape = this.shapeOf(left).length === this.shapeOf(right).length
    const layout = sameShape ? this.#layoutOf(left) : 'batched'
    this.#emit('Add', [this.#in(left, layout), this.#in(right, layout)], output, layout)
  }

  #lowerLayerNorm(node: Extract<Node, { op: 'layerNorm' }>): void {
    const layout = this.#layoutOf(node.input)
    const operands = [this.#in(node.input, layout), node.weight, node.bias]
    const epsilon = { float: node.epsilon }
    this.#emit('LayerNormalization', operands, node.output, layout, { axis: -1, epsilon })
  }

  #lowerAttention(node: Extract<Node, { op: 'attention' }>): void {
    if (this.#plainAttention) return this.#lowerPlainAttention(node)
    const operands = [node.query, node.key, node.value].map((value) => this.#batched(value))
    const mask = node.mask === null ? [] : ['', node.mask]
    this.#emit('MultiHeadAttention', [...operands, ...mask], node.output, 'batched', {
      num_heads: node.numHeads,
      unidirectional: Number(node.causal),
      mask_filter_value: { float: hiddenScore },
    })
  }

  /** softmax(q kᵀ / √d + bias) v, the heads `[batch, heads, sequence, d]`. */
  #lowerPlainAttention({
    query,
    key,
    value,
    mask,
    numHeads,
    causal,
    output,
  }: Extract<Node, { op: 'attention' }>): void {
    const queries = this.#heads(query, numHeads, [0, 2, 1, 3], `${output}#queries`)
    const keys = this.#heads(key, numHeads, [0, 2, 3, 1], `${output}#keys`)
    const values = this.#heads(value, numHeads, [0, 2, 1, 3], `${output}#values`)
    const size = Number(this.shapeOf(query)[2]) / numHeads
    let scores = this.#part(output, 'products', 'MatMul', [queries, keys])
    scores = this.#part(output, 'scores', 'Mul', [scores, this.#scalar(1 / Math.sqrt(size))])
    if (causal) scores = this.#part(output, 'causal', 'Add', [scores, this.#causalBias(query)])
    if (mask !== null) scores = this.#part(output, 'padded', 'Add', [scores, this.#paddingBias(mask)])
    const weights = this.#part(output, 'weights', 'Softmax', [scores], { axis: -1 })
    const contexts = this.#part(output, 'contexts', 'MatMul', [weights, values])
    const context = this.#part(output, 'context', 'Transpose', [contexts], { perm: [0, 2, 1, 3] })
    const shape = this.#shapeConstant([0, 0, Number(this.shapeOf(value)[2])])
    this.#emit('Reshape', [context, shape], output, 'batched')
  }

  #heads(value: ValueId, numHeads: number, perm: readonly number[], name: string): string {
    const shape = this.#shapeConstant([0, 0, numHeads, Number(this.shapeOf(value)[2]) / numHeads])
    const heads = this.#part(name, 'apart', 'Reshape', [this.#batched(value), shape])
    return this.#part(name, 'first', 'Transpose', [heads], { perm })
  }

  /** What a mask `[batch, sequence]` adds to scores, `[batch, 1, 1, sequence]`: made the first time it is needed. */
  #paddingBias(mask: string): string {
    const bias = this.#temporary(mask, 'bias')
    if (this.#isMade(bias)) return bias
    const keys = this.#part(mask, 'keys', 'Unsqueeze', [mask, this.#constant('headAndQuery', [2], [1n, 2n])])
    const seen = this.#part(mask, 'seen', 'Cast', [keys], { to: onnxTypes.bool })
    return this.#part(mask, 'bias', 'Where', [seen, this.#scalar(0), this.#scalar(hiddenScore)])
  }

  /** What hides later tokens, `[sequence, sequence]`: made the first time it is needed. */
  #causalBias(query: ValueId): string {
    const sequence = this.shapeOf(query)[1]!
    const name = `causal.${sequence}`
    const bias = this.#temporary(name, 'bias')
    if (this.#isMade(bias)) return bias
    const [zero, one] = [0, 1].map((axis) => this.#constant(`axis.${axis}`, [1], [BigInt(axis)])) as [string, string]
    const [first, step] = [0, 1].map((value) => this.#constant(`index.${value}`, [], [BigInt(value)])) as [
      string,
      string,
    ]
    const sizes = this.#part(name, 'sizes', 'Shape', [this.#batched(query)], { start: 1, end: 2 })
    const size = this.#part(name, 'size', 'Squeeze', [sizes, zero])
    const places = this.#part(name, 'places', 'Range', [first, size, step])
    const numbers = this.#part(name, 'numbers', 'Cast', [places], { to: onnxTypes.float })
    const queries = this.#part(name, 'queries', 'Unsqueeze', [numbers, one])
    const keys = this.#part(name, 'keys', 'Unsqueeze', [numbers, zero])
    const seen = this.#part(name, 'seen', 'GreaterOrEqual', [queries, keys])
    return this.#part(name, 'bias', 'Where', [seen, this.#scalar(0), this.#scalar(hiddenScore)])
  }

  #lowerCrossEntropy({ logits, labels, output }: Extract<Node, { op: 'crossEntropy' }>): void {
    const [logProbabilities, column, picked, negative] = ['log', 'column', 'picked', 'negative'].map((part) =>
      this.#temporary(output, part),
    ) as [string, string, string, string]
    const one = this.#constant('one', [1], [1n])
    this.#push('LogSoftmax', [this.#rows(logits)], [logProbabilities], { axis: -1 })
    this.#push('Unsqueeze', [labels, one], [column], {})
    this.#push('GatherElements', [logProbabilities, column], [picked], { axis: 1 })
    this.#push('Neg', [picked], [negative], {})
    this.#emit('Squeeze', [negative, one], output, 'rows')
  }

  #lowerSquaredError({ predictions, labels, output }: Extract<Node, { op: 'squaredError' }>): void {
    const [scores, error] = [this.#temporary(output, 'scores'), this.#temporary(output, 'error')]
    this.#push('Squeeze', [this.#rows(predictions), this.#constant('one', [1], [1n])], [scores], {})
    this.#push('Sub', [scores, labels], [error], {})
    this.#emit('Mul', [error, error], output, 'rows')
  }

  #batched(value: ValueId): string {
    return this.#in(value, 'batched')
  }

  #rows(value: ValueId): string {
    return this.#in(value, 'rows')
  }

  /** The layout in which a value was made. */
  #layoutOf(value: ValueId): Layout {
    return [...this.#forms.get(value)!.keys()][0]!
  }

  /** The ONNX name of a value in a layout, reshaping it the first time it is needed so. Rank 2 has one layout. */
  #in(value: ValueId, layout: Layout): string {
    const forms = this.#forms.get(value)!
    const shape = this.shapeOf(value)
    const known = forms.get(layout) ?? (shape.length === 3 ? undefined : [...forms.values()][0])
    if (known !== undefined) return known
    const name = this.#temporary(value, layout)
    const target =
      layout === 'rows' ? this.#constant(`rows.${shape[2]}`, [2], [-1n, BigInt(shape[2]!)]) : this.#batchShape(shape)
    this.#push('Reshape', [[...forms.values()][0]!, target], [name], {})
    forms.set(layout, name)
    return name
  }

  /** A shape `[batch, sequence, width]` computed from the input that has these dimensions. */
  #batchShape([batch, sequence, width]: readonly Dimension[]): string {
    if (typeof sequence === 'number') return this.#shapeConstant([-1, sequence, Number(width)])
    const name = `shape.${batch}.${sequence}.${width}`
    if (this.#isMade(name)) return name
    const source = this.#graph.inputs.find(({ shape }) => shape[0] === batch && shape[1] === sequence)!
    const leading = `${name}.leading`
    this.#push('Shape', [source.name], [leading], { start: 0, end: 2 })
    this.#push('Concat', [leading, this.#constant(`width.${width}`, [1], [BigInt(width!)])], [name], { axis: 0 })
    return name
  }

  #parameterShape(name: string): readonly number[] {
    return this.#graph.parameters.find((parameter) => parameter.name === name)!.shape
  }

  /** A parameter or an input in another shape, reshaped the first time it is needed so. */
  #reshaped(source: string, shape: readonly number[]): string {
    const name = `${source}#${shape.join('×')}`
    if (!this.#isMade(name)) {
      this.#push('Reshape', [source, this.#shapeConstant(shape)], [name], {})
    }
    return name
  }

  #shapeConstant(shape: readonly number[]): string {
    return this.#constant(`shape.${shape.join('×')}`, [shape.length], shape.map(BigInt))
  }

  #constant(label: string, shape: readonly number[], values: readonly bigint[]): string {
    return this.#initializer(`constant.${label}`, shape, BigInt64Array.from(values))
  }

  #scalar(value: number): string {
    return this.#initializer(`scalar.${value}`, [], Float32Array.of(value))
  }

  #initializer(name: string, shape: readonly number[], values: BigInt64Array | Float32Array): string {
    if (!this.initializers.some((initializer) => initializer.name === name)) {
      this.initializers.push({ name, shape, values })
    }
    return name
  }

  #temporary(value: ValueId, part: string): string {
    return `${value}#${part}`
  }

  #isMade(name: string): boolean {
    return this.nodes.some((node) => node.outputs[0] === name)
  }

  /** Push a node whose one output is part of how a value is computed. */
  #part(
    value: ValueId,
    part: string,
    op: string,
    inputs: readonly string[],
    attributes: OnnxNode['attributes'] = {},
  ): string {
    const name = this.#temporary(value, part)
    this.#push(op, inputs, [name], attributes)
    return name
  }

  #define(value: ValueId, layout: Layout, name: string): void {
    this.#forms.set(value, new Map([[layout, name]]))
  }

  #push(op: string, inputs: readonly string[], outputs: readonly string[], attributes: OnnxNode['attributes']): void {
    this.nodes.push({ op, domain: contribOperators.has(op) ? 'com.microsoft' : '', inputs, outputs, attributes })
  }

  #emit(
    op: string,
    inputs: readonly string[],
    output: ValueId,
    layout: Layout,
    attributes: OnnxNode['attributes'] = {},
  ) {
    this.#push(op, inputs, [output], attributes)
    this.#define(output, layout, output)
  }
}

import { elementCount, ShapeError } from '@isthmus/tensor'
import type { Dimension, Graph, GraphInput, Node, Parameter, Tap, ValueId, WeightLayout } from './graph.ts'

/** Makes a {@link Graph} node by node, in the order of the forward pass.
 *
 *  Every operator takes the name of the value that it makes last, which must be new to the graph: the checkpoint's name
 *  of the module that computes it, or the name of the tap that reads it. What the operators compute, and the shapes they
 *  need, is in the table at `Node`; each throws a {@link ShapeError} that names the node where they do not fit.
 */
export interface GraphBuilder {
  /** Declare what is fed beside the weights. */
  input(name: string, dtype: GraphInput['dtype'], shape: readonly Dimension[]): ValueId
  /** Declare a parameter by its name in the checkpoint. One that is declared twice is shared. */
  parameter(name: string, shape: readonly number[]): Parameter
  gather(table: Parameter, indices: ValueId, name: string): ValueId
  /** @param offset The row of the first position; 0 if left out. */
  positions(table: Parameter, like: ValueId, name: string, offset?: number): ValueId
  row(table: Parameter, index: number, name: string): ValueId
  patches(input: ValueId, size: number, name: string): ValueId
  prepend(table: Parameter, input: ValueId, name: string): ValueId
  /** @param weightLayout `outIn` if left out. */
  linear(input: ValueId, weight: Parameter, bias: Parameter | null, name: string, weightLayout?: WeightLayout): ValueId
  slice(input: ValueId, range: { start: number; size: number }, name: string): ValueId
  matmul(left: ValueId, right: ValueId, transpose: { left?: boolean; right?: boolean }, name: string): ValueId
  add(left: ValueId, right: ValueId, name: string): ValueId
  layerNorm(input: ValueId, weight: Parameter, bias: Parameter, epsilon: number, name: string): ValueId
  gelu(input: ValueId, approximation: 'none' | 'tanh', name: string): ValueId
  tanh(input: ValueId, name: string): ValueId
  relu(input: ValueId, name: string): ValueId
  attention(operands: AttentionOperands, name: string): ValueId
  select(input: ValueId, indices: ValueId, name: string): ValueId
  first(input: ValueId, name: string): ValueId
  softmax(input: ValueId, name: string): ValueId
  crossEntropy(logits: ValueId, labels: ValueId, name: string): ValueId
  squaredError(predictions: ValueId, labels: ValueId, name: string): ValueId
  /** Read features at a value. The tap's width is that of the value's last axis. */
  tap(name: string, site: Tap['site'], layer: number | null, value: ValueId): void
  /** Name a value as one of the graph's results. */
  output(name: string, value: ValueId): void
  /** The graph so far. */
  build(): Graph
}

/** What an attention node reads: values `[batch, sequence, H·d]`, and the mask `[batch, sequence]` or null. */
export interface AttentionOperands {
  readonly query: ValueId
  readonly key: ValueId
  readonly value: ValueId
  readonly mask: ValueId | null
  readonly numHeads: number
  readonly causal: boolean
}

/** Start a graph.
 *
 *  @param architecture The graph's name, e.g. `bert`.
 */
export function graphBuilder(architecture: string): GraphBuilder {
  return new CheckingGraphBuilder(architecture)
}

class CheckingGraphBuilder implements GraphBuilder {
  readonly #architecture: string
  readonly #inputs: GraphInput[] = []
  readonly #parameters = new Map<string, Parameter>()
  readonly #nodes: Node[] = []
  readonly #taps: Tap[] = []
  readonly #outputs: Record<string, ValueId> = {}
  readonly #shapes = new Map<ValueId, readonly Dimension[]>()

  constructor(architecture: string) {
    this.#architecture = architecture
  }

  input(name: string, dtype: GraphInput['dtype'], shape: readonly Dimension[]): ValueId {
    this.#define(name, shape)
    this.#inputs.push({ name, dtype, shape })
    return name
  }

  parameter(name: string, shape: readonly number[]): Parameter {
    const known = this.#parameters.get(name)
    if (known === undefined) {
      if (this.#shapes.has(name)) throw new Error(`${this.#architecture}: '${name}' is a value already`)
      const parameter = { name, shape }
      this.#parameters.set(name, parameter)
      return parameter
    }
    if (!equalShapes(known.shape, shape)) {
      throw new ShapeError(
        `${this.#architecture}: parameter '${name}' is shared, but used as [${known.shape.join(', ')}] and as ` +
          `[${shape.join(', ')}]`,
      )
    }
    return known
  }

  gather(table: Parameter, indices: ValueId, name: string): ValueId {
    this.#require(name, table.shape.length === 2, `a table [n, width], found ${describe(table.shape)}`)
    const shape = [...this.#shapeOf(indices, name), table.shape[1]!]
    return this.#node({ op: 'gather', table: table.name, indices, output: name }, shape)
  }

  positions(table: Parameter, like: ValueId, name: string, offset = 0): ValueId {
    const [shape, [rows, width]] = [this.#shapeOf(like, name), table.shape.slice(-2)]
    const isTable = table.shape.length === 2 || (table.shape.length === 3 && table.shape[0] === 1)
    this.#require(name, isTable, `a table [n, width] or [1, n, width], found ${describe(table.shape)}`)
    this.#require(name, shape.length >= 2, `'${like}' to be [batch, sequence, …], found ${describe(shape)}`)
    const sequence = shape[1]!
    const isOffset = Number.isInteger(offset) && offset >= 0 && offset < rows!
    this.#require(name, isOffset, `an offset among the ${rows} rows of '${table.name}', found ${offset}`)
    if (typeof sequence === 'number') {
      const longest = rows! - offset
      this.#require(name, sequence <= longest, `sequences of at most ${longest} positions, found ${sequence}`)
    }
    return this.#node({ op: 'positions', table: table.name, like, offset, output: name }, [sequence, width!])
  }

  row(table: Parameter, index: number, name: string): ValueId {
    this.#require(name, table.shape.length === 2, `a table [n, width], found ${describe(table.shape)}`)
    const [rows, width] = table.shape as [number, number]
    const exists = Number.isInteger(index) && index >= 0 && index < rows
    this.#require(name, exists, `one of the ${rows} rows of '${table.name}', found ${index}`)
    return this.#node({ op: 'row', table: table.name, index, output: name }, [width])
  }

  patches(input: ValueId, size: number, name: string): ValueId {
    const shape = this.#shapeOf(input, name)
    const [batch, channels, height, width] = shape
    const fits = (side: Dimension | undefined) => typeof side === 'number' && side % size === 0
    this.#require(
      name,
      shape.length === 4 && typeof channels === 'number' && fits(height) && fits(width),
      `'${input}' to be [batch, channels, height, width] with sides that ${size} divides, found ${describe(shape)}`,
    )
    const count = (Number(height) / size) * (Number(width) / size)
    return this.#node({ op: 'patches', input, size, output: name }, [batch!, count, Number(channels) * size * size])
  }

  prepend(table: Parameter, input: ValueId, name: string): ValueId {
    const shape = this.#shapeOf(input, name)
    const [batch, length, width] = shape
    this.#require(
      name,
      shape.length === 3 && typeof length === 'number',
      `'${input}' to be [batch, n, width] of a known length n, found ${describe(shape)}`,
    )
    this.#require(
      name,
      equalShapes(table.shape, [1, 1, width!]),
      `a token [1, 1, ${width}], found ${describe(table.shape)}`,
    )
    return this.#node({ op: 'prepend', table: table.name, input, output: name }, [batch!, Number(length) + 1, width!])
  }

  linear(
    input: ValueId,
    weight: Parameter,
    bias: Parameter | null,
    name: string,
    weightLayout: WeightLayout = 'outIn',
  ): ValueId {
    const shape = this.#shapeOf(input, name)
    const isMatrix = weight.shape.length === 2
    const [out, into] =
      weightLayout === 'inOut' ? [weight.shape[1]!, weight.shape[0]!] : [weight.shape[0]!, flattened(weight.shape)]
    this.#require(
      name,
      into === shape.at(-1) && (isMatrix || (weightLayout === 'outIn' && weight.shape.length > 2)),
      `a weight ${weightLayout === 'outIn' ? `[out, ${shape.at(-1)}]` : `[${shape.at(-1)}, out]`} for '${input}' ` +
        `${describe(shape)}, found ${describe(weight.shape)}`,
    )
    if (bias !== null) {
      this.#require(name, equalShapes(bias.shape, [out]), `a bias [${out}], found ${describe(bias.shape)}`)
    }
    return this.#node(
      { op: 'linear', input, weight: weight.name, bias: bias?.name ?? null, weightLayout, output: name },
      [...shape.slice(0, -1), out],
    )
  }

  slice(input: ValueId, { start, size }: { start: number; size: number }, name: string): ValueId {
    const shape = this.#shapeOf(input, name)
    const width = shape.at(-1)
    this.#require(
      name,
      typeof width === 'number' && Number.isInteger(start) && start >= 0 && size > 0 && start + size <= width,
      `features among those of '${input}' ${describe(shape)}, found ${start} to ${start + size - 1}`,
    )
    return this.#node({ op: 'slice', input, start, size, output: name }, [...shape.slice(0, -1), size])
  }

  matmul(left: ValueId, right: ValueId, transpose: { left?: boolean; right?: boolean }, name: string): ValueId {
    const { left: transposeLeft = false, right: transposeRight = false } = transpose
    const [a, b] = [this.#shapeOf(left, name), this.#shapeOf(right, name)]
    this.#require(
      name,
      a.length === 2 && b.length === 2 && a[transposeLeft ? 0 : 1] === b[transposeRight ? 1 : 0],
      `factors of rank 2 that agree in their inner axis, found ${describe(a)}${transposeLeft ? 'ᵀ' : ''} and ` +
        `${describe(b)}${transposeRight ? 'ᵀ' : ''}`,
    )
    const shape = [a[transposeLeft ? 1 : 0]!, b[transposeRight ? 0 : 1]!]
    return this.#node({ op: 'matmul', left, right, transposeLeft, transposeRight, output: name }, shape)
  }

  add(left: ValueId, right: ValueId, name: string): ValueId {
    const [a, b] = [this.#shapeOf(left, name), this.#shapeOf(right, name)]
    this.#require(
      name,
      b.length <= a.length && equalShapes(a.slice(a.length - b.length), b),
      `'${right}' to have the last axes of '${left}' ${describe(a)}, found ${describe(b)}`,
    )
    return this.#node({ op: 'add', left, right, output: name }, a)
  }

  layerNorm(input: ValueId, weight: Parameter, bias: Parameter, epsilon: number, name: string): ValueId {
    const shape = this.#shapeOf(input, name)
    for (const parameter of [weight, bias]) {
      this.#require(
        name,
        equalShapes(parameter.shape, [shape.at(-1)!]),
        `'${parameter.name}' to be [${shape.at(-1)}], found ${describe(parameter.shape)}`,
      )
    }
    const node: Node = { op: 'layerNorm', input, weight: weight.name, bias: bias.name, epsilon, output: name }
    return this.#node(node, shape)
  }

  gelu(input: ValueId, approximation: 'none' | 'tanh', name: string): ValueId {
    return this.#node({ op: 'gelu', input, approximation, output: name }, this.#shapeOf(input, name))
  }

  tanh(input: ValueId, name: string): ValueId {
    return this.#node({ op: 'tanh', input, output: name }, this.#shapeOf(input, name))
  }

  relu(input: ValueId, name: string): ValueId {
    return this.#node({ op: 'relu', input, output: name }, this.#shapeOf(input, name))
  }

  attention(operands: AttentionOperands, name: string): ValueId {
    const { numHeads } = operands
    const query = this.#shapeOf(operands.query, name)
    const key = this.#shapeOf(operands.key, name)
    const value = this.#shapeOf(operands.value, name)
    this.#require(
      name,
      query.length === 3 && equalShapes(query, key) && equalShapes(query.slice(0, 2), value.slice(0, -1)),
      `query, key and value [batch, sequence, width], found ${describe(query)}, ${describe(key)}, ${describe(value)}`,
    )
    for (const width of [query[2]!, value[2]!]) {
      this.#require(
        name,
        typeof width === 'number' && Number.isInteger(numHeads) && numHeads > 0 && width % numHeads === 0,
        `a width that ${numHeads} heads divide, found ${width}`,
      )
    }
    if (operands.mask !== null) {
      const mask = this.#shapeOf(operands.mask, name)
      this.#require(
        name,
        equalShapes(mask, query.slice(0, 2)),
        `a mask ${describe(query.slice(0, 2))}, found ${describe(mask)}`,
      )
    }
    return this.#node({ op: 'attention', ...operands, output: name }, value)
  }

  select(input: ValueId, indices: ValueId, name: string): ValueId {
    const [shape, positions] = [this.#shapeOf(input, name), this.#shapeOf(indices, name)]
    this.#require(name, shape.length === 3, `'${input}' to be [batch, sequence, width], found ${describe(shape)}`)
    this.#require(name, positions.length === 1, `'${indices}' to be [n], found ${describe(positions)}`)
    return this.#node({ op: 'select', input, indices, output: name }, [positions[0]!, shape[2]!])
  }

  first(input: ValueId, name: string): ValueId {
    const shape = this.#shapeOf(input, name)
    this.#require(name, shape.length === 3, `'${input}' to be [batch, sequence, width], found ${describe(shape)}`)
    return this.#node({ op: 'first', input, output: name }, [shape[0]!, shape[2]!])
  }

  softmax(input: ValueId, name: string): ValueId {
    return this.#node({ op: 'softmax', input, output: name }, this.#shapeOf(input, name))
  }

  crossEntropy(logits: ValueId, labels: ValueId, name: string): ValueId {
    const [rows, classes] = [this.#shapeOf(logits, name), this.#shapeOf(labels, name)]
    this.#require(
      name,
      rows.length === 2 && equalShapes(classes, rows.slice(0, 1)),
      `logits [n, c] and labels [n], found ${describe(rows)} and ${describe(classes)}`,
    )
    return this.#node({ op: 'crossEntropy', logits, labels, output: name }, classes)
  }

  squaredError(predictions: ValueId, labels: ValueId, name: string): ValueId {
    const [rows, scores] = [this.#shapeOf(predictions, name), this.#shapeOf(labels, name)]
    this.#require(
      name,
      rows.length === 2 && rows[1] === 1 && equalShapes(scores, rows.slice(0, 1)),
      `predictions [n, 1] and labels [n], found ${describe(rows)} and ${describe(scores)}`,
    )
    return this.#node({ op: 'squaredError', predictions, labels, output: name }, scores)
  }

  tap(name: string, site: Tap['site'], layer: number | null, value: ValueId): void {
    const width = this.#shapeOf(value, name).at(-1)
    if (typeof width !== 'number') {
      throw new ShapeError(`${this.#architecture}: tap '${name}' needs features of a known width, found ${width}`)
    }
    if (this.#taps.some((tap) => tap.name === name)) {
      throw new Error(`${this.#architecture}: there is a tap '${name}' already`)
    }
    this.#taps.push({ name, site, layer, value, width })
  }

  output(name: string, value: ValueId): void {
    this.#shapeOf(value, name)
    if (Object.hasOwn(this.#outputs, name))
      throw new Error(`${this.#architecture}: there is an output '${name}' already`)
    this.#outputs[name] = value
  }

  build(): Graph {
    return {
      architecture: this.#architecture,
      inputs: [...this.#inputs],
      parameters: [...this.#parameters.values()],
      nodes: [...this.#nodes],
      shapes: Object.fromEntries(this.#shapes),
      taps: [...this.#taps],
      outputs: { ...this.#outputs },
    }
  }

  #node(node: Node, shape: readonly Dimension[]): ValueId {
    this.#define(node.output, shape)
    this.#nodes.push(node)
    return node.output
  }

  #define(name: ValueId, shape: readonly Dimension[]): void {
    if (this.#shapes.has(name) || this.#parameters.has(name)) {
      throw new Error(`${this.#architecture}: there is a value or parameter '${name}' already`)
    }
    this.#shapes.set(name, shape)
  }

  #shapeOf(value: ValueId, reader: string): readonly Dimension[] {
    const shape = this.#shapes.get(value)
    if (shape === undefined)
      throw new Error(`${this.#architecture}: '${reader}' reads '${value}', which is not made yet`)
    return shape
  }

  #require(node: string, condition: boolean, expectation: string): void {
    if (!condition) throw new ShapeError(`${this.#architecture}: '${node}' needs ${expectation}`)
  }
}

function equalShapes(a: readonly Dimension[], b: readonly Dimension[]): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis])
}

/** The number of elements of each row. */
function flattened(shape: readonly number[]): number {
  return elementCount(shape.slice(1))
}

function describe(shape: readonly Dimension[]): string {
  return `[${shape.join(', ')}]`
}

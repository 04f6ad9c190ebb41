import { z } from 'zod'
import type { ValueId, WeightLayout } from '../graph.ts'
import type { GraphBuilder } from '../graph-builder.ts'

/** An activation by its name in `config.json`: `gelu` is exact, `gelu_new` and `gelu_pytorch_tanh` are its
 *  approximation by tanh.
 */
export type Activation = z.output<typeof activationName>

export const activationName = z.enum(['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu'])

/** A size in `config.json`. */
export const count = z.int().positive()

/** How a dense layer differs from PyTorch's `Linear` with a bias. */
export interface DenseOptions {
  /** Name of the value. Default: the module's. */
  readonly name?: string
  readonly bias?: boolean
  readonly weightLayout?: WeightLayout
}

/** Add a linear map from a value's features to `width` others, with the parameters of a module. */
export function dense(
  graph: GraphBuilder,
  input: ValueId,
  [into, width]: readonly [number, number],
  module: string,
  { name = module, bias = true, weightLayout = 'outIn' }: DenseOptions = {},
): ValueId {
  const weight = graph.parameter(`${module}.weight`, weightLayout === 'outIn' ? [width, into] : [into, width])
  return graph.linear(input, weight, bias ? graph.parameter(`${module}.bias`, [width]) : null, name, weightLayout)
}

/** Add a layer norm with the parameters of a module. */
export function layerNorm(
  graph: GraphBuilder,
  input: ValueId,
  { hiddenSize, layerNormEps }: { readonly hiddenSize: number; readonly layerNormEps: number },
  module: string,
  name: string,
): ValueId {
  const weight = graph.parameter(`${module}.weight`, [hiddenSize])
  const bias = graph.parameter(`${module}.bias`, [hiddenSize])
  return graph.layerNorm(input, weight, bias, layerNormEps, name)
}

/** Add an activation. */
export function activation(graph: GraphBuilder, kind: Activation, input: ValueId, name: string): ValueId {
  if (kind === 'relu') return graph.relu(input, name)
  return graph.gelu(input, kind === 'gelu' ? 'none' : 'tanh', name)
}

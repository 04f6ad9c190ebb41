import type { Checkpoint } from '@isthmus/checkpoint'
import type { Graph } from '@isthmus/model'
import { ShapeError, UserError } from '@isthmus/tensor'

/** A checkpoint with the graph that its config describes. */
export interface OpenedModel {
  readonly checkpoint: Checkpoint
  readonly graph: Graph
}

/** Check that two checkpoints hold what their graphs need, and that they can be averaged tensor by tensor.
 *
 *  Equal shapes are not enough: models that differ in the number of heads or in an activation have the same tensors, but
 *  what is between them is neither.
 *  @throws {ShapeError} naming the first tensor that is missing or has another shape than its config says, or that
 *    differs between the two, with both files and shapes.
 *  @throws {UserError} naming the two architectures, or the first operation that differs between the two.
 */
export function assertMergeable(a: OpenedModel, b: OpenedModel): void {
  for (const model of [a, b]) assertComplete(model)
  if (a.graph.architecture !== b.graph.architecture) {
    throw new UserError(
      `models of different architectures cannot be merged: ${a.checkpoint.name} is ${a.graph.architecture}, and ` +
        `${b.checkpoint.name} is ${b.graph.architecture}; choose checkpoints of one architecture and size`,
    )
  }
  assertSameShapes(a, b)
  assertSameOperations(a, b)
}

function assertComplete({ checkpoint, graph }: OpenedModel): void {
  for (const { name, shape } of graph.parameters) {
    const tensor = checkpoint.tensors.get(name)
    if (tensor !== undefined && tensor.shape.join(', ') === shape.join(', ')) continue
    const found = tensor === undefined ? 'it is missing' : `it is [${tensor.shape.join(', ')}]`
    throw new ShapeError(
      `${checkpoint.name}: config.json asks for ${name} of shape [${shape.join(', ')}], but ${found}; ` +
        'the weights and the config are of different models',
    )
  }
}

function assertSameShapes(a: OpenedModel, b: OpenedModel): void {
  const [left, right] = [parameterShapes(a.graph), parameterShapes(b.graph)]
  const describe = (shape: string | undefined) => (shape === undefined ? 'no such tensor' : `[${shape}]`)
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    if (left.get(name) === right.get(name)) continue
    throw new ShapeError(
      `models of different shapes cannot be merged: ${name} is ${describe(left.get(name))} in ${a.checkpoint.name} ` +
        `and ${describe(right.get(name))} in ${b.checkpoint.name}; choose checkpoints of one architecture and size`,
    )
  }
}

function assertSameOperations(a: OpenedModel, b: OpenedModel): void {
  const others = new Map(b.graph.nodes.map((node) => [node.output, node]))
  for (const node of a.graph.nodes) {
    const fields = new Map(Object.entries(node))
    const theirs = new Map(Object.entries(others.get(node.output) ?? {}))
    const differing = [...fields.keys(), ...theirs.keys()].find((field) => fields.get(field) !== theirs.get(field))
    if (differing === undefined) continue
    throw new UserError(
      `models that compute differently cannot be merged: ${node.output} has ${differing} ${fields.get(differing)} in ` +
        `${a.checkpoint.name} and ${theirs.get(differing)} in ${b.checkpoint.name}; choose checkpoints whose configs agree`,
    )
  }
}

function parameterShapes(graph: Graph): Map<string, string> {
  return new Map(graph.parameters.map(({ name, shape }) => [name, shape.join(', ')]))
}

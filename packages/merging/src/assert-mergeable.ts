import type { Checkpoint } from '@isthmus/checkpoint'
import type { Graph } from '@isthmus/model'
import { ShapeError } from '@isthmus/tensor'

/** A checkpoint with the graph that its config describes. */
export interface OpenedModel {
  readonly checkpoint: Checkpoint
  readonly graph: Graph
}

/** Check that two checkpoints hold what their graphs need, and that they can be averaged tensor by tensor.
 *
 *  @throws {ShapeError} naming the first tensor that is missing or has another shape than its config says, or that
 *    differs between the two, with both files and shapes.
 */
export function assertMergeable(a: OpenedModel, b: OpenedModel): void {
  for (const model of [a, b]) assertComplete(model)
  const [left, right] = [parameterShapes(a.graph), parameterShapes(b.graph)]
  for (const [name, shape] of left) {
    const other = right.get(name)
    if (other === shape && a.graph.architecture === b.graph.architecture) continue
    const found = other === undefined ? 'no such tensor' : `[${other}]`
    throw new ShapeError(
      `models of different shapes cannot be merged: ${name} is [${shape}] in ${a.checkpoint.name} and ${found} in ` +
        `${b.checkpoint.name}; choose checkpoints of one architecture and size`,
    )
  }
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

function parameterShapes(graph: Graph): Map<string, string> {
  return new Map(graph.parameters.map(({ name, shape }) => [name, shape.join(', ')]))
}

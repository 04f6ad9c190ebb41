import type { Graph } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import type { ParameterReader } from './parameter-reader.ts'

/** The parameter that turns features into logits.
 *
 *  @throws {UserError} when the graph has none.
 */
export function decoderParameter(graph: Graph): string {
  const node = graph.nodes.find(({ output }) => output === graph.outputs.logits)
  if (node?.op !== 'linear') throw new UserError(`${graph.architecture} has no decoder that makes logits`)
  return node.weight
}

/** Read a model whose decoder is its embeddings as one whose decoder is a parameter of its own: a copy of them.
 *
 *  @param tied The model's graph; @param untied The same with its decoder untied.
 */
export function untiedReader(read: ParameterReader, tied: Graph, untied: Graph): ParameterReader {
  const [stored, decoder] = [decoderParameter(tied), decoderParameter(untied)]
  return (name) => read(name === decoder ? stored : name)
}

import { type Alignment, alignmentSymmetries } from '@isthmus/alignment'
import { type Graph, type ParameterAxis, permuteMember } from '@isthmus/model'
import { isIdentity, type Permutation, UserError } from '@isthmus/tensor'
import { decoderParameter } from './decoder-parameter.ts'
import type { ParameterReader } from './parameter-reader.ts'

/** Move a model into another's space: read its parameters with every axis of an alignment permuted.
 *
 *      θ_B' = π(θ_B)
 *
 *  Which axes of which parameters belong together is derived from the graph, so nothing is listed by hand. Parameters
 *  are permuted as they are read; one tensor is copied at a time.
 *  @param read B's parameters.
 *  @param graph B's graph, its decoder tied or not as the alignment's space needs it (`decoderOf`).
 *  @throws {UserError} naming an axis of the alignment that the graph does not have, or one of another size.
 */
export function applyAlignment(read: ParameterReader, graph: Graph, alignment: Alignment): ParameterReader {
  const steps = new Map<string, { member: ParameterAxis; permutation: Permutation }[]>()
  const permute = (member: ParameterAxis, permutation: Permutation) => {
    steps.set(member.parameter, [...(steps.get(member.parameter) ?? []), { member, permutation }])
  }
  const { axes, axisOfTap } = alignmentSymmetries(graph, alignment.space)
  for (const [name, permutation] of alignment.permutations) {
    const axis = axes.find((candidate) => candidate.name === name)
    if (axis === undefined || axis.size !== permutation.length) {
      const found = axis === undefined ? 'no such axis' : `${axis.size} features there`
      throw new UserError(
        `the alignment permutes ${permutation.length} features of '${name}', but the model has ${found}: ` +
          'was it made for another architecture?',
      )
    }
    if (isIdentity(permutation)) continue
    for (const member of axis.members) permute(member, permutation)
    if (alignment.space.decoder === 'released-code' && axis === axisOfTap('residual.embeddings')) {
      const decoder = { parameter: decoderParameter(graph), axis: 1 }
      for (let times = 0; times < 2; times++) permute(decoder, permutation)
    }
  }
  return async (name) =>
    (steps.get(name) ?? []).reduce(
      (value, { member, permutation }) => permuteMember(value, member, permutation),
      await read(name),
    )
}

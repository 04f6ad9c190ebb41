import { type Alignment, type AxisMap, alignmentSymmetries, moveMember } from '@isthmus/alignment'
import type { Graph, ParameterAxis } from '@isthmus/model'
import { isIdentity, UserError } from '@isthmus/tensor'
import { decoderParameter } from './decoder-parameter.ts'
import type { ParameterReader } from './parameter-reader.ts'

/** Move a model into another's space: read its parameters with every axis of an alignment permuted or transported.
 *
 *      θ_B' = π(θ_B)
 *
 *  Which axes of which parameters belong together is derived from the graph, so nothing is listed by hand. Parameters
 *  are moved as they are read; one tensor is copied at a time.
 *  @param read B's parameters.
 *  @param graph B's graph, its decoder tied or not as the alignment's space needs it (`decoderOf`).
 *  @throws {UserError} naming an axis of the alignment that the graph does not have, or one of another size.
 */
export function applyAlignment(read: ParameterReader, graph: Graph, alignment: Alignment): ParameterReader {
  const steps = new Map<string, { member: ParameterAxis; map: AxisMap }[]>()
  const move = (member: ParameterAxis, map: AxisMap) => {
    steps.set(member.parameter, [...(steps.get(member.parameter) ?? []), { member, map }])
  }
  const { axes, axisOfTap } = alignmentSymmetries(graph, alignment.space)
  const maps: [string, AxisMap][] = [...alignment.permutations, ...(alignment.transports ?? [])]
  for (const [name, map] of maps) {
    const axis = axes.find((candidate) => candidate.name === name)
    const size = map instanceof Int32Array ? map.length : map.shape[0]!
    if (axis === undefined || axis.size !== size) {
      const found = axis === undefined ? 'no such axis' : `${axis.size} features there`
      const verb = map instanceof Int32Array ? 'permutes' : 'transports'
      throw new UserError(
        `the alignment ${verb} ${size} features of '${name}', but the model has ${found}: ` +
          'was it made for another architecture?',
      )
    }
    if (map instanceof Int32Array && isIdentity(map)) continue
    for (const member of axis.members) move(member, map)
    if (alignment.space.decoder === 'released-code' && axis === axisOfTap('residual.embeddings')) {
      const decoder = { parameter: decoderParameter(graph), axis: 1 }
      for (let times = 0; times < 2; times++) move(decoder, map)
    }
  }
  return async (name) =>
    (steps.get(name) ?? []).reduce((value, { member, map }) => moveMember(value, member, map), await read(name))
}

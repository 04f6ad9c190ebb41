import type { Alignment } from '@isthmus/alignment'
import { type ParameterAxis, permuteMember, type Symmetries } from '@isthmus/model'
import { isIdentity, type Permutation, UserError } from '@isthmus/tensor'
import type { ParameterReader } from './parameter-reader.ts'

/** Move a model into another's space: read its parameters with every axis of an alignment permuted.
 *
 *      θ_B' = π(θ_B)
 *
 *  Which axes of which parameters belong together is derived from the graph, so nothing is listed by hand. Parameters
 *  are permuted as they are read; one tensor is copied at a time.
 *  @param read B's parameters.
 *  @throws {UserError} naming an axis of the alignment that the graph does not have, or one of another size.
 */
export function applyAlignment(read: ParameterReader, symmetries: Symmetries, alignment: Alignment): ParameterReader {
  const permutations = new Map<string, { member: ParameterAxis; permutation: Permutation }[]>()
  for (const [name, permutation] of alignment) {
    const axis = symmetries.axes.find((candidate) => candidate.name === name)
    if (axis === undefined || axis.size !== permutation.length) {
      const found = axis === undefined ? 'no such axis' : `${axis.size} features there`
      throw new UserError(
        `the alignment permutes ${permutation.length} features of '${name}', but the model has ${found}: ` +
          'was it made for another architecture?',
      )
    }
    if (isIdentity(permutation)) continue
    for (const member of axis.members) {
      const steps = permutations.get(member.parameter) ?? []
      steps.push({ member, permutation })
      permutations.set(member.parameter, steps)
    }
  }
  return async (name) => {
    const steps = permutations.get(name) ?? []
    return steps.reduce((value, step) => permuteMember(value, step.member, step.permutation), await read(name))
  }
}

import { identityPermutation, type Permutation, ShapeError, UserError } from '@isthmus/tensor'
import { headOrder } from './head-order.ts'
import type { PermutableAxis, Symmetries } from './symmetries.ts'

/** Decide whether permuting a model's axes leaves its function as it is, for any weights.
 *
 *  @param permutations By the names of the axes; an axis that is not named stays as it is.
 *  @returns Where it does not, the reason, in a sentence.
 *  @throws {UserError} naming an axis that the model does not have.
 *  @throws {ShapeError} naming an axis that is of another size than its permutation.
 */
export function keepsFunction(
  symmetries: Symmetries,
  permutations: ReadonlyMap<string, Permutation>,
): { readonly kept: true } | { readonly kept: false; readonly reason: string } {
  checkPermutations(symmetries, permutations)
  const orders = new Map<string, { axis: string; order: Permutation }>()
  for (const { name, size, heads } of symmetries.axes) {
    if (heads === null) continue
    const order = headOrder(permutations.get(name) ?? identityPermutation(size), heads.numHeads)
    if (order === null) {
      return { kept: false, reason: `the permutation of '${name}' mixes features of different heads.` }
    }
    const other = orders.get(heads.group)
    if (other !== undefined && order.some((head, i) => head !== other.order[i])) {
      const reason =
        `'${other.axis}' and '${name}' share the heads of '${heads.group}', but are permuted to different orders of ` +
        `them: ${[...other.order].join(' ')} and ${[...order].join(' ')}.`
      return { kept: false, reason }
    }
    orders.set(heads.group, { axis: name, order })
  }
  return { kept: true }
}

function checkPermutations({ axes }: Symmetries, permutations: ReadonlyMap<string, Permutation>): void {
  const byName = new Map(axes.map((axis): [string, PermutableAxis] => [axis.name, axis]))
  for (const [name, { length }] of permutations) {
    const axis = byName.get(name)
    if (axis === undefined) {
      throw new UserError(`there is no axis '${name}' to permute; the model has ${[...byName.keys()].join(', ')}`)
    }
    if (axis.size !== length) {
      throw new ShapeError(`axis '${name}' has ${axis.size} features, but its permutation is of ${length}`)
    }
  }
}

import { UserError } from '@isthmus/tensor'

/** Check that a number of heads divides the width that they share.
 *
 *  @param fields The names of the two in the configuration, width first.
 *  @param where The file, for the error.
 *  @throws {UserError} with both, when it does not.
 */
export function checkHeads(
  width: number,
  numHeads: number,
  [widthField, headsField]: readonly [string, string],
  where: string,
): void {
  if (width % numHeads === 0) return
  throw new UserError(
    `${where}: ${widthField} must be divisible by ${headsField}, but ${width} is not by ${numHeads}; ` +
      'correct the configuration',
  )
}

import type { CrossCorrelation } from '@isthmus/activations'
import { linearSumAssignment } from '@isthmus/assignment'
import { type Permutation, permutation } from '@isthmus/tensor'

/** The permutation under which B's features correlate best with A's, exactly.
 *
 *      argmax_π Σ_i C[i, π(i)]
 *
 *  @see Li et al. (2015), Convergent learning; Ainsworth et al. (2023), Git Re-Basin, eq. (1).
 */
export function matchFeatures({ matrix, rows }: CrossCorrelation): Permutation {
  return permutation(linearSumAssignment(matrix, rows, { maximize: true }).assignment)
}

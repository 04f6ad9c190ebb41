import { writeAlignment } from '@isthmus/merging'
import type { FolderModel } from '@isthmus/study'
import type { AlignedModel } from './align-models.ts'

/** Write the alignment of a model to a reference as a file that says how it was found, and for which models.
 *
 *  Models are told apart by the digests of their files. Equal alignments give equal bytes.
 */
export function savePermutations(path: string, reference: FolderModel, aligned: AlignedModel): Promise<void> {
  const { model, method, alignment } = aligned
  return writeAlignment(path, alignment, {
    method,
    modelA: reference.name,
    digestA: reference.checkpoint.artifact.digest,
    modelB: model.name,
    digestB: model.checkpoint.artifact.digest,
  })
}

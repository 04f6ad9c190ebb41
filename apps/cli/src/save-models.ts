import { basename } from 'node:path'
import { decoderOf } from '@isthmus/alignment'
import { Checkpoint, type FileToSave } from '@isthmus/checkpoint'
import { applyAlignment, type ParameterReader, saveMerged, type WeightedModel } from '@isthmus/merging'
import type { FolderModel } from '@isthmus/study'
import { isIdentity, UserError } from '@isthmus/tensor'
import type { AlignedModel } from './align-models.ts'

/** A model with its weight in an average. */
export interface ModelToSave {
  readonly model: FolderModel
  /** How it is moved before it is averaged; null for one that stays as it is. */
  readonly aligned: AlignedModel | null
  readonly weight: number
}

/** Write the weighted average of models as a Hugging Face folder, with the tokenizer of the first.
 *
 *  @param models The first is the reference, by whose tensors and config the folder is written.
 *  @param files Further files of the folder: model card, permutations.
 *  @throws {UserError} when an alignment needs what no such folder can hold, or the models differ in their tensors.
 */
export async function saveModels(
  out: string,
  models: readonly [ModelToSave, ...ModelToSave[]],
  files: Readonly<Record<string, FileToSave>>,
  overwrite: boolean,
): Promise<void> {
  const opened: Checkpoint[] = []
  const weighted: WeightedModel[] = []
  const tokenizer = Object.values(models[0].model.tokenizer.files).map(({ path }): [string, FileToSave] => [
    basename(path),
    { path },
  ])
  try {
    for (const { model, aligned, weight } of models) {
      const checkpoint = await Checkpoint.open(model.directory)
      opened.push(checkpoint)
      weighted.push({ checkpoint, read: alignedReader(checkpoint, aligned), weight })
    }
    await saveMerged(out, {
      models: weighted as [WeightedModel, ...WeightedModel[]],
      files: { ...Object.fromEntries(tokenizer), ...files },
      overwrite,
    })
  } finally {
    for (const checkpoint of opened) await checkpoint.close()
  }
}

function alignedReader(checkpoint: Checkpoint, aligned: AlignedModel | null): ParameterReader {
  const read: ParameterReader = (name) => checkpoint.read(name)
  if (aligned === null) return read
  assertSavable(aligned)
  assertFollowing(aligned, checkpoint.tensors.keys())
  return applyAlignment(read, aligned.model.graph, aligned.alignment)
}

/** A folder has its decoder tied as its config says: it can hold no model of which the alignment unties it. */
function assertSavable({ method, alignment }: AlignedModel): void {
  if (decoderOf(alignment.space) === 'tied') return
  throw new UserError(
    `${method} unties the decoder from the embeddings, which the merged folder could not hold: choose the method without ` +
      `its last option, /${alignment.space.decoder}, and the decoder is carried along`,
  )
}

/** Tensors that the graph does not read cannot follow a permutation of the residual stream. */
function assertFollowing({ model, alignment, method }: AlignedModel, tensors: Iterable<string>): void {
  const permuted = [...alignment.permutations].some(([axis, p]) => axis.startsWith('residual') && !isIdentity(p))
  const moved = permuted || alignment.transports?.has('residual') === true
  const known = new Set(model.graph.parameters.map(({ name }) => name))
  const left = [...tensors].find((name) => !known.has(name))
  if (!moved || left === undefined) return
  throw new UserError(
    `${left} is not part of the graph of ${model.name}, so it cannot follow the permutation of the residual stream by ` +
      `${method}: choose a method without residual, or remove the tensor from both checkpoints`,
  )
}

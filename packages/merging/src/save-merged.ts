import { type Checkpoint, type FileToSave, saveCheckpoint, type TensorToWrite } from '@isthmus/checkpoint'
import { ShapeError, UserError, weightedMean } from '@isthmus/tensor'
import type { ParameterReader } from './parameter-reader.ts'

/** One of the models of a merge. */
export interface WeightedModel {
  readonly checkpoint: Checkpoint
  /** Reads its tensors as they are merged: `applyAlignment`, or as they are. */
  readonly read: ParameterReader
  readonly weight: number
}

/** What a merged model is written from. */
export interface MergedModel {
  /** The first is the reference: its config, its tensors' names and stored types are the result's. The weights are not
   *  negative and sum to 1.
   */
  readonly models: readonly [WeightedModel, ...WeightedModel[]]
  /** Further files of the folder: tokenizer, model card, permutations. */
  readonly files: Readonly<Record<string, FileToSave>>
  readonly overwrite: boolean
  readonly onTensor?: (done: number, total: number) => void
}

/** Write Σ_k w_k θ_k as a Hugging Face folder, tensor by tensor: one of each model and the result are in memory at a time.
 *
 *  Every floating-point tensor of the checkpoint is averaged; what holds integers is the reference's.
 *  @throws {ShapeError} naming a tensor that only one of two models has, or that differs in shape.
 *  @throws {UserError} when the weights are no average.
 */
export async function saveMerged(
  directory: string,
  { models, files, overwrite, onTensor }: MergedModel,
): Promise<void> {
  const weights = models.map(({ weight }) => weight)
  assertWeights(weights)
  const [reference, ...others] = models
  for (const { checkpoint } of others) assertSameTensors(reference.checkpoint, checkpoint)
  const { config, tensors: stored } = reference.checkpoint
  let done = 0
  const tensors = [...stored].map(([name, { dtype, shape }]): TensorToWrite => {
    const isFloating = /^(F|BF)\d/.test(dtype)
    return {
      name,
      dtype,
      shape,
      async data() {
        onTensor?.(++done, stored.size)
        if (!isFloating) return (await reference.checkpoint.readRaw(name)).data
        const { data } = weightedMean(await Promise.all(models.map(({ read }) => read(name))), weights)
        return dtype === 'F64' ? Float64Array.from(data) : data
      },
    }
  })
  await saveCheckpoint(directory, { config, tensors, files, overwrite })
}

/** @throws {UserError} when weights are no average: one is negative, or they do not sum to 1. */
export function assertWeights(weights: readonly number[]): void {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (weights.every((weight) => weight >= 0) && Math.abs(sum - 1) <= 1e-6) return
  throw new UserError(
    `the weights of a merge must be at least 0 and sum to 1, but ${weights.join(' + ')} = ${sum}: give one a model`,
  )
}

function assertSameTensors(a: Checkpoint, b: Checkpoint): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const [name, { shape }] of one.tensors) {
      const found = other.tensors.get(name)?.shape.join(', ')
      if (found === shape.join(', ')) continue
      throw new ShapeError(
        `cannot merge ${name}: it is [${shape.join(', ')}] in ${one.name}, and ` +
          `${found === undefined ? 'missing' : `[${found}]`} in ${other.name}; both must hold the same tensors`,
      )
    }
  }
}

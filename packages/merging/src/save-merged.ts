import { type Checkpoint, type FileToSave, saveCheckpoint, type TensorToWrite } from '@isthmus/checkpoint'
import { lerp, ShapeError, type Tensor } from '@isthmus/tensor'
import { assertLambda } from './interpolate.ts'
import type { ParameterReader } from './parameter-reader.ts'

/** What a merged model is written from. */
export interface MergedModel {
  /** The reference: its config, its tensors' names and stored types are the result's. */
  readonly a: Checkpoint
  readonly b: Checkpoint
  /** Reads B's tensors as they are merged: `applyAlignment`, or as they are. */
  readonly aligned: ParameterReader
  readonly lambda: number
  /** Further files of the folder: tokenizer, model card, permutations. */
  readonly files: Readonly<Record<string, FileToSave>>
  readonly overwrite: boolean
  readonly onTensor?: (done: number, total: number) => void
}

/** Write λ θ_A + (1 − λ) θ_B' as a Hugging Face folder, tensor by tensor: two of them are in memory at a time.
 *
 *  Every floating-point tensor of the checkpoint is averaged; what holds integers is A's.
 *  @throws {ShapeError} naming a tensor that only one of the two has, or that differs in shape.
 */
export async function saveMerged(directory: string, merged: MergedModel): Promise<void> {
  const { a, b, aligned, lambda, files, overwrite, onTensor } = merged
  assertLambda(lambda)
  assertSameTensors(a, b)
  let done = 0
  const tensors = [...a.tensors].map(([name, { dtype, shape }]): TensorToWrite => {
    const isFloating = /^(F|BF)\d/.test(dtype)
    return {
      name,
      dtype,
      shape,
      async data() {
        onTensor?.(++done, a.tensors.size)
        if (!isFloating) return (await a.readRaw(name)).data
        const left: Tensor = await a.read(name)
        const { data } = lerp(left, await aligned(name), lambda, left)
        return dtype === 'F64' ? Float64Array.from(data) : data
      },
    }
  })
  await saveCheckpoint(directory, { config: a.config, tensors, files, overwrite })
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

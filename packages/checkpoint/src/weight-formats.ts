import { CheckpointError } from './checkpoint-error.ts'
import type { CheckpointFiles } from './checkpoint-files.ts'
import type { FileHandlePool } from './file-handle-pool.ts'
import { readSafetensorsHeader, type TensorInfo } from './safetensors-header.ts'
import { readShardIndex, readShards } from './sharded-safetensors.ts'

/** One way in which a folder keeps its weights. */
export interface WeightFormat {
  /** The file by which it is recognised. */
  readonly fileName: string
  /** The names of all files that hold the weights, the one above first. */
  fileNames(files: CheckpointFiles, pool: FileHandlePool): Promise<readonly string[]>
  /** Where each tensor lies. Reads headers only. */
  readTensors(files: CheckpointFiles, pool: FileHandlePool): Promise<ReadonlyMap<string, TensorInfo>>
}

const safetensors: WeightFormat = {
  fileName: 'model.safetensors',
  fileNames: async () => ['model.safetensors'],
  readTensors: async (files, pool) => (await readSafetensorsHeader(pool, files['model.safetensors']!)).tensors,
}

const shardedSafetensors: WeightFormat = {
  fileName: 'model.safetensors.index.json',
  fileNames: async (files, pool) => {
    const { shards } = await readShardIndex(files, pool)
    return ['model.safetensors.index.json', ...shards]
  },
  readTensors: readShards,
}

/** The formats that are read, in the order in which they are preferred, as `transformers` does. */
export const weightFormats: readonly WeightFormat[] = [safetensors, shardedSafetensors]

/** The first format whose file is there.
 *
 *  @param source What an error calls the checkpoint.
 *  @throws {CheckpointError} when there is none; says which names were looked for, and what is there instead.
 */
export function findWeightFormat(files: CheckpointFiles, source: string): WeightFormat {
  const format = weightFormats.find(({ fileName }) => files[fileName] !== undefined)
  if (format !== undefined) return format
  const wanted = weightFormats.map(({ fileName }) => fileName).join(' or ')
  const pickled = ['pytorch_model.bin', 'pytorch_model.bin.index.json'].find((name) => files[name] !== undefined)
  if (pickled === undefined) throw new CheckpointError(`${source} has no weights: looked for ${wanted}`)
  throw new CheckpointError(
    `${source} has its weights in ${pickled}, but this version reads safetensors (${wanted}): convert them in Python ` +
      'with AutoModel.from_pretrained(folder).save_pretrained(folder, safe_serialization=True), taking the class of ' +
      'the model in place of AutoModel to keep its head',
  )
}

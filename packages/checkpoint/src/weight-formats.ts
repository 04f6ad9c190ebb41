import { CheckpointError } from './checkpoint-error.ts'
import type { CheckpointFiles } from './checkpoint-files.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { readSafetensorsHeader, type TensorInfo } from './safetensors-header.ts'
import { readShardIndex, readShards } from './shards.ts'
import { readTorchFile } from './torch-file.ts'

/** One way in which a folder keeps its weights. */
export interface WeightFormat {
  /** The file by which it is recognised. */
  readonly fileName: string
  /** The names of all files that hold the weights, the one above first. */
  fileNames(files: CheckpointFiles, pool: RangeReader): Promise<readonly string[]>
  /** Where each tensor lies. Reads headers only. */
  readTensors(files: CheckpointFiles, pool: RangeReader): Promise<ReadonlyMap<string, TensorInfo>>
}

/** Finds the tensors of one file of weights. */
type ReadTensors = (pool: RangeReader, path: string) => Promise<ReadonlyMap<string, TensorInfo>>

const readSafetensors: ReadTensors = async (pool, path) => (await readSafetensorsHeader(pool, path)).tensors

function singleFile(fileName: string, readTensors: ReadTensors): WeightFormat {
  return {
    fileName,
    fileNames: async () => [fileName],
    readTensors: (files, pool) => readTensors(pool, files[fileName]!),
  }
}

function shardedFiles(fileName: string, readTensors: ReadTensors): WeightFormat {
  return {
    fileName,
    fileNames: async (files, pool) => [fileName, ...(await readShardIndex(files, pool, fileName)).shards],
    readTensors: (files, pool) => readShards(files, pool, fileName, readTensors),
  }
}

/** The formats that are read, in the order in which they are preferred, as `transformers` does. */
export const weightFormats: readonly WeightFormat[] = [
  singleFile('model.safetensors', readSafetensors),
  shardedFiles('model.safetensors.index.json', readSafetensors),
  singleFile('pytorch_model.bin', readTorchFile),
  shardedFiles('pytorch_model.bin.index.json', readTorchFile),
]

/** The first format whose file is there.
 *
 *  @param source What an error calls the checkpoint.
 *  @throws {CheckpointError} when there is none; says which names were looked for, and what is there instead.
 */
export function findWeightFormat(files: CheckpointFiles, source: string): WeightFormat {
  const format = weightFormats.find(({ fileName }) => files[fileName] !== undefined)
  if (format !== undefined) return format
  const wanted = weightFormats.map(({ fileName }) => fileName).join(', ')
  const other = ['tf_model.h5', 'flax_model.msgpack', 'model.onnx'].find((name) => files[name] !== undefined)
  if (other === undefined) throw new CheckpointError(`${source} has no weights: looked for ${wanted}`)
  throw new CheckpointError(
    `${source} has its weights in ${other}, but these are read: ${wanted}; convert them in Python with ` +
      'AutoModel.from_pretrained(folder).save_pretrained(folder), taking the class of the model in place of ' +
      'AutoModel to keep its head',
  )
}

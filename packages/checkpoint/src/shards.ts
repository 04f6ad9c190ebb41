import { CheckpointError } from './checkpoint-error.ts'
import type { CheckpointFiles } from './checkpoint-files.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { describeJson, isJsonObject, parseJsonObject } from './parse-json-object.ts'
import type { TensorInfo } from './safetensors-header.ts'

/** Which shard holds each tensor. */
export interface ShardIndex {
  /** File names by tensor name. */
  readonly weightMap: ReadonlyMap<string, string>
  /** The distinct file names, sorted. */
  readonly shards: readonly string[]
}

/** Read and check the index of a sharded checkpoint.
 *
 *  @param indexName Its name in a Hugging Face folder.
 *  @throws {CheckpointError} when the index is malformed, or names a shard that is missing or outside of the folder.
 */
export async function readShardIndex(
  files: CheckpointFiles,
  pool: RangeReader,
  indexName: string,
): Promise<ShardIndex> {
  const path = files[indexName]!
  const bytes = new Uint8Array(await pool.size(path))
  await pool.read(path, bytes, 0)
  const index = parseJsonObject(bytes, path, 'save or download the checkpoint again')
  const entries = isJsonObject(index.weight_map) ? Object.entries(index.weight_map) : []
  if (entries.length === 0) {
    throw new CheckpointError(
      `${path} must have a weight_map that gives the file of each tensor, ` +
        `but it is ${describeJson(index.weight_map)}; save or download the checkpoint again`,
    )
  }
  const weightMap = new Map<string, string>()
  for (const [tensor, shard] of entries) {
    if (typeof shard !== 'string' || shard === '' || shard === '.' || shard === '..' || /[/\\\0]/.test(shard)) {
      throw new CheckpointError(
        `${path} puts the tensor '${tensor}' in ${describeJson(shard)}, which is not the name of a file beside it; ` +
          'shards must lie in the folder of the index: move them there and correct the index',
      )
    }
    if (!Object.hasOwn(files, shard)) {
      throw new CheckpointError(
        `the shard ${shard}, which ${path} names for the tensor '${tensor}', is missing; download it again`,
      )
    }
    weightMap.set(tensor, shard)
  }
  return { weightMap, shards: [...new Set(weightMap.values())].sort() }
}

/** Find the tensors of a sharded checkpoint. A tensor that a shard has beyond the index is found too.
 *
 *  @param indexName Name of the index in a Hugging Face folder.
 *  @param readTensors Finds the tensors of one shard.
 *  @throws {CheckpointError} when the index and the shards disagree, or one tensor is in two shards.
 */
export async function readShards(
  files: CheckpointFiles,
  pool: RangeReader,
  indexName: string,
  readTensors: (pool: RangeReader, path: string) => Promise<ReadonlyMap<string, TensorInfo>>,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const { weightMap, shards } = await readShardIndex(files, pool, indexName)
  const tensors = new Map<string, TensorInfo>()
  const shardOf = new Map<string, string>()
  for (const shard of shards) {
    for (const [name, info] of await readTensors(pool, files[shard]!)) {
      const other = shardOf.get(name)
      if (other !== undefined) {
        throw new CheckpointError(
          `the tensor '${name}' is in two shards, ${files[other]} and ${files[shard]}: ` +
            'remove one of them, or save the checkpoint again',
        )
      }
      tensors.set(name, info)
      shardOf.set(name, shard)
    }
  }
  for (const [name, shard] of weightMap) {
    const found = shardOf.get(name)
    if (found !== shard) {
      throw new CheckpointError(
        `${files[indexName]} puts the tensor '${name}' in ${shard}, ` +
          `but it is ${found === undefined ? 'in none of the shards' : `in ${found}`}; download the checkpoint again`,
      )
    }
  }
  return tensors
}

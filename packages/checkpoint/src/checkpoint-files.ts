import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from './checkpoint-error.ts'
import { FileHandlePool } from './file-handle-pool.ts'
import { findWeightFormat, weightFormats } from './weight-formats.ts'

/** The files of a checkpoint: names as in a Hugging Face folder, to the paths where they lie. */
export type CheckpointFiles = Readonly<Record<string, string>>

/** What prepares a model's inputs, by names in a Hugging Face folder: a tokenizer's files, or an image processor's. */
export const tokenizerFiles: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'preprocessor_config.json',
]

/** List the files that make up the checkpoint in a Hugging Face folder: what a digest of it covers.
 *
 *  These are `config.json`, the weights (one file, or an index and its shards), and what there is of the tokenizer's or
 *  the image processor's files. What else lies in the folder (logs, cards, other formats of the weights) is left out.
 *  @returns Paths within `directory`, by name, in a fixed order.
 *  @throws {CheckpointError} when the folder, its `config.json`, its weights, or a shard is missing.
 */
export async function checkpointFiles(directory: string): Promise<CheckpointFiles> {
  const present = await listFiles(directory)
  if (!present.has('config.json')) {
    throw new CheckpointError(
      `${directory} has no config.json: a checkpoint is a Hugging Face folder, ` +
        'as save_pretrained of transformers writes it; give the path of one',
    )
  }
  const all = Object.fromEntries([...present].map((name) => [name, join(directory, name)]))
  const format = findWeightFormat(all, directory)
  const pool = new FileHandlePool()
  try {
    const names = ['config.json', ...(await format.fileNames(all, pool)), ...tokenizerFiles]
    return Object.fromEntries(names.filter((name) => present.has(name)).map((name) => [name, all[name]!]))
  } finally {
    await pool.close()
  }
}

async function listFiles(directory: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(directory))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such folder; check the path',
      ENOTDIR: `it is a file; give the folder that holds config.json and ${weightFormats[0]!.fileName}`,
    }
    throw new CheckpointError(
      `cannot open the checkpoint ${directory}: ${reasons[code ?? ''] ?? (cause as Error).message}`,
      { cause },
    )
  }
}

import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CheckpointError } from './checkpoint-error.ts'
import { syncDirectory, temporarySibling, writeError } from './write-file-atomically.ts'
import { streamSafetensors, type TensorToWrite } from './write-safetensors.ts'

/** A file that is saved beside the weights: a copy of another, or a text. */
export type FileToSave = { readonly path: string } | { readonly content: string }

/** What a saved checkpoint consists of. */
export interface CheckpointToSave {
  /** `config.json`. */
  readonly config: Readonly<Record<string, unknown>>
  /** `model.safetensors`; data may be lazy, as for `writeSafetensors`. */
  readonly tensors: Iterable<TensorToWrite> | AsyncIterable<TensorToWrite>
  /** Further files by name: the tokenizer's, a model card. Default none. */
  readonly files?: Readonly<Record<string, FileToSave>>
  /** Strings in the header of the weights, beside `format: 'pt'`, by which `transformers` knows their layout. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Replace the folder where it holds a checkpoint already. Default false. */
  readonly overwrite?: boolean
}

const ownFiles = ['config.json', 'model.safetensors']

/** Save a checkpoint as a Hugging Face folder, which `from_pretrained` of `transformers` loads.
 *
 *  Everything is written into a temporary folder beside `directory`, synced, and renamed, so that `directory` never
 *  holds half a checkpoint. Parents are created. The tensors may be read from the checkpoint that is replaced.
 *  @throws {CheckpointError} when `directory` is not empty and `overwrite` is not set or it holds no checkpoint, when
 *    a file to copy is missing, or the disk is full; `directory` is then as it was.
 */
export async function saveCheckpoint(directory: string, checkpoint: CheckpointToSave): Promise<void> {
  const target = await realpath(directory).catch(() => resolve(directory))
  const { files = {}, overwrite = false } = checkpoint
  await assertMayReplace(target, overwrite)
  for (const [name, source] of Object.entries(files)) await assertMaySave(name, source, target)
  const staging = temporarySibling(target)
  try {
    await mkdir(dirname(target), { recursive: true })
    await mkdir(staging)
    await fill(staging, target, checkpoint)
    await publish(staging, target)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw writeError(target, error)
  }
}

async function assertMayReplace(target: string, overwrite: boolean): Promise<void> {
  const present = await listFolder(target)
  if (present.length === 0) return
  if (!present.includes('config.json')) {
    throw new CheckpointError(
      `${target} is not empty and holds no checkpoint (no config.json), so it is not replaced: choose another folder`,
    )
  }
  if (!overwrite) {
    throw new CheckpointError(`${target} holds a checkpoint already: choose another folder, or set overwrite`)
  }
}

/** What a folder holds; nothing where there is none. */
async function listFolder(target: string): Promise<string[]> {
  try {
    return await readdir(target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    if (code === 'ENOTDIR') {
      throw new CheckpointError(
        `cannot save a checkpoint as ${target}: it is a file, or lies below one; choose a folder`,
      )
    }
    throw writeError(target, error)
  }
}

async function assertMaySave(name: string, source: FileToSave, target: string): Promise<void> {
  if (ownFiles.includes(name) || name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
    throw new CheckpointError(
      `cannot save a file as '${name}' in ${target}: a plain file name other than ${ownFiles.join(' and ')} is needed`,
    )
  }
  const isFile =
    'content' in source ||
    (await stat(source.path).then(
      (found) => found.isFile(),
      () => false,
    ))
  if (!isFile) {
    throw new CheckpointError(
      `cannot save ${name} in ${target}: there is no file ${source.path} to copy; check its path`,
    )
  }
}

async function fill(staging: string, target: string, checkpoint: CheckpointToSave): Promise<void> {
  const { config, tensors, files = {}, metadata } = checkpoint
  const beside: Record<string, FileToSave> = {
    'config.json': { content: `${JSON.stringify(config, null, 2)}\n` },
    ...files,
  }
  for (const [name, source] of Object.entries(beside)) {
    const file = await open(join(staging, name), 'wx')
    try {
      await writeFile(file, 'content' in source ? source.content : createReadStream(source.path))
      await file.sync()
    } finally {
      await file.close()
    }
  }
  const weights = await open(join(staging, 'model.safetensors'), 'wx')
  try {
    await streamSafetensors(weights, join(target, 'model.safetensors'), tensors, { format: 'pt', ...metadata })
    await weights.sync()
  } finally {
    await weights.close()
  }
  await syncDirectory(staging)
}

/** Put the finished folder in its place; what was there is removed last, and comes back where the rename fails. */
async function publish(staging: string, target: string): Promise<void> {
  const present = await stat(target).then(
    () => true,
    () => false,
  )
  const retired = temporarySibling(target)
  if (present) await rename(target, retired)
  try {
    await rename(staging, target)
  } catch (error) {
    if (present) await rename(retired, target)
    throw error
  }
  await syncDirectory(dirname(target))
  if (present) await rm(retired, { recursive: true })
}

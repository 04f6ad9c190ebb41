import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Checkpoint, type FileToSave, saveCheckpoint, type TensorToWrite } from '@isthmus/checkpoint'
import type { FamilyModel, FamilyRun } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import packageJson from '../package.json' with { type: 'json' }
import { type TrainingRecord, trainedModelCard, trainingRecord } from './training-record.ts'

/** A model of a family, written. */
export interface SavedModel {
  readonly folder: string
  readonly training: TrainingRecord
}

/** What says of a folder that a family was written there. */
const recordFile = 'training.json'

/** Write the models of a family as Hugging Face folders, `seed-1`, …, each whole or not at all, over those that were
 *  written there before.
 *
 *  @throws {UserError} when a folder cannot be written, or holds something else.
 */
export async function saveFamily(folder: string, { plan, models }: FamilyRun): Promise<SavedModel[]> {
  const saved: SavedModel[] = []
  for (const model of models) {
    const training = trainingRecord(plan, model, packageJson.version)
    const target = join(folder, model.name)
    await assertFolderIsOurs(folder, model.seed)
    await saveModel(target, model, training)
    saved.push({ folder: target, training })
  }
  return saved
}

async function saveModel(target: string, model: FamilyModel, training: TrainingRecord): Promise<void> {
  const { 'config.json': _, 'model.safetensors': __, ...tokenizer } = model.files
  const own = Object.entries(tokenizer).map(([name, path]): [string, FileToSave] => [name, { path }])
  await using checkpoint = await Checkpoint.open(model.files)
  const tensors = [...checkpoint.tensors].map(
    ([name, { shape }]): TensorToWrite => ({
      name,
      dtype: 'F32',
      shape,
      data: async () => (await checkpoint.read(name)).data,
    }),
  )
  await saveCheckpoint(target, {
    config: checkpoint.config,
    tensors,
    files: {
      ...Object.fromEntries(own),
      [recordFile]: { content: `${JSON.stringify(training, null, 2)}\n` },
      'README.md': { content: trainedModelCard(model.name, training) },
    },
    overwrite: true,
  })
}

/** Check, before hours are spent, that the folder of a model is empty or missing, or holds a model that a family wrote.
 *
 *  @throws {UserError} naming the folder.
 */
export async function assertFolderIsOurs(folder: string, seed: number): Promise<void> {
  const target = join(folder, `seed-${seed}`)
  const present = await readdir(target).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw new UserError(`${target} cannot be written: ${error.message}; choose another folder, --set folder=models/…`)
  })
  if (present.length === 0 || (present.includes(recordFile) && (await isRecord(join(target, recordFile))))) return
  throw new UserError(
    `${target} holds files that no family wrote here, and they are not replaced: choose another folder, --set ` +
      'folder=models/…',
  )
}

async function isRecord(path: string): Promise<boolean> {
  try {
    return typeof (JSON.parse(await readFile(path, 'utf8')) as { key?: unknown }).key === 'string'
  } catch {
    return false
  }
}

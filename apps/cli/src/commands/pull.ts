import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { checkpointFiles, pullCheckpoint } from '@isthmus/checkpoint'
import { UserError } from '@isthmus/tensor'
import { pullProgress } from '../pull-progress.ts'

/** `isthmus models pull`. */
export async function pullCommand(
  reference: string,
  { out, json }: { readonly out?: string; readonly json?: boolean },
): Promise<void> {
  const target = out === undefined ? null : resolve(out)
  if (target !== null) await assertVacant(target)
  const pulled = await pullCheckpoint(reference, { onProgress: pullProgress(process.stderr) })
  if (target !== null) await copyInto(target, pulled.directory)
  const report = { reference: pulled.reference, commit: pulled.commit, folder: target ?? pulled.directory }
  process.stdout.write(json === true ? `${JSON.stringify(report, null, 2)}\n` : `${report.folder}\n`)
  if (json !== true) process.stderr.write(`pinned as ${report.reference}\n`)
}

/** Fail before anything is downloaded, not after. */
async function assertVacant(target: string): Promise<void> {
  const present = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new UserError(`cannot write to ${target}: ${error.message}; choose another folder for --out`)
  })
  if (present.length > 0) throw new UserError(`${target} is not empty; choose another folder for --out`)
}

/** Copy the files of a checkpoint into a folder that appears when it is complete. */
async function copyInto(target: string, directory: string): Promise<void> {
  const staging = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`)
  try {
    await mkdir(staging, { recursive: true })
    for (const [name, path] of Object.entries(await checkpointFiles(directory))) {
      await copyFile(path, join(staging, name))
    }
    await rename(staging, target)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new UserError(`cannot write ${target}: ${message}; choose another folder for --out`)
  }
}

import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CheckpointError } from './checkpoint-error.ts'

/** Write a file so that, whatever happens, `path` holds the old content or all of the new.
 *
 *  Writes a temporary file in the same folder, syncs it, and renames it. When `write` fails, the temporary file is
 *  removed and `path` stays as it was.
 *  @param write Writes the content from the handle's start; does not close it.
 *  @throws {CheckpointError} when the folder is missing, may not be written, or has no space left.
 */
export async function writeFileAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = temporarySibling(path)
  try {
    const file = await open(temporary, 'wx')
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw writeError(path, error)
  }
}

/** A name in the folder of `path` that nothing else uses: `.<name>.<random>.tmp`. */
export function temporarySibling(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
}

/** Make a rename within `directory` durable. Windows cannot open folders, and needs no such call. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What the user is told when `path` cannot be written; errors that are not the system's pass through. */
export function writeError(path: string, error: unknown): unknown {
  const { code = '', errno } = error as NodeJS.ErrnoException
  if (errno === undefined) return error
  const reasons: Record<string, string> = {
    ENOSPC: 'no space is left on the disk; free some, or choose another folder',
    EDQUOT: 'the disk quota is used up; free some space, or choose another folder',
    ENOENT: `the folder ${dirname(path)} does not exist; create it first`,
    ENOTDIR: `${dirname(path)} is not a folder; choose another path`,
    EACCES: 'permission is denied; choose a folder that you may write to',
    EPERM: 'permission is denied; choose a folder that you may write to',
    EROFS: 'the file system is read-only; choose another folder',
    EISDIR: 'it is a folder; give the path of a file',
  }
  const reason = reasons[code] ?? (error as Error).message
  return new CheckpointError(`cannot write ${path}: ${reason}`, { cause: error })
}

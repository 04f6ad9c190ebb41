import { link, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Give a finished temporary file its final name, durably: fsync of the file, `link`, fsync of the directory.
 *
 *  The final name appears whole or not at all, and is never replaced: of several processes the first wins. The
 *  temporary file, which must be on the same file system, is removed either way.
 *  @returns False when the name was taken already.
 */
export async function publishFile(temporary: string, destination: string): Promise<boolean> {
  try {
    await fsync(temporary)
    await link(temporary, destination)
    await fsync(dirname(destination))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary).catch(ignoreMissing)
  }
}

/** Make the content of a file, or the entries of a directory, survive a loss of power. */
export async function fsync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

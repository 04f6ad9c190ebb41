import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'

/** Write a file whole or not at all, over one that is there. Its folder is made.
 *
 *  @throws {UserError} when it cannot be written.
 */
export async function writeWholeFile(path: string, content: string): Promise<void> {
  const file = resolve(path)
  const temporary = join(dirname(file), `.${basename(file)}.${randomUUID()}.tmp`)
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(temporary, content, { flag: 'wx' })
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw new UserError(`${path} cannot be written (${(cause as Error).message}): choose another place with --out`, {
      cause,
    })
  }
}

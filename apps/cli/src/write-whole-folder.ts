import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'

/** Write a folder whole or not at all, in place of one that this function wrote before.
 *
 *  @param path As the user gave it.
 *  @param kind What the folder holds, `report`: a file named for it marks the folder, so that no other is replaced.
 *  @param write Writes the files, into a folder that is renamed to `path` afterwards.
 *  @throws {UserError} when the folder holds something else, or cannot be written; and what `write` throws of such.
 */
export async function writeWholeFolder(
  path: string,
  kind: string,
  write: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = resolve(path)
  const marker = `.isthmus-${kind}`
  await assertReplaceable(folder, path, kind, marker)
  const beside = (suffix: string) => join(dirname(folder), `.${basename(folder)}.${randomUUID()}.${suffix}`)
  const [temporary, previous] = [beside('tmp'), beside('old')]
  try {
    await mkdir(temporary, { recursive: true })
    await write(temporary)
    await writeFile(join(temporary, marker), '')
    if (existsSync(folder)) await rename(folder, previous)
    await rename(temporary, folder)
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true })
    if (existsSync(previous) && !existsSync(folder)) await rename(previous, folder)
    if (cause instanceof UserError) throw cause
    throw new UserError(`${path} cannot be written (${(cause as Error).message}): choose another place with --out`, {
      cause,
    })
  }
  await rm(previous, { recursive: true, force: true })
}

async function assertReplaceable(folder: string, path: string, kind: string, marker: string): Promise<void> {
  if (!existsSync(folder)) return
  const names = await readdir(folder).catch(() => null)
  if (names === null) throw new UserError(`--out ${path} is a file: give a folder`)
  if (names.length > 0 && !names.includes(marker)) {
    throw new UserError(
      `--out ${path} holds files that are no ${kind}: give a new folder, or one that holds such a ${kind}`,
    )
  }
}

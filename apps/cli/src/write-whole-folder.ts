import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'

/** Names the files of a folder that this module wrote, so that it replaces no other. */
const marker = '.isthmus-report'

/** Write a folder of files whole or not at all, in place of one that this function wrote before.
 *
 *  @param files Contents by name, no name in a subfolder.
 *  @throws {UserError} when the folder holds something else, or cannot be written.
 */
export async function writeWholeFolder(path: string, files: ReadonlyMap<string, string>): Promise<void> {
  const folder = resolve(path)
  await assertReplaceable(folder, path)
  const beside = (suffix: string) => join(dirname(folder), `.${basename(folder)}.${randomUUID()}.${suffix}`)
  const [temporary, previous] = [beside('tmp'), beside('old')]
  try {
    await mkdir(temporary, { recursive: true })
    for (const [name, content] of [...files, [marker, ''] as const]) await writeFile(join(temporary, name), content)
    if (existsSync(folder)) await rename(folder, previous)
    await rename(temporary, folder)
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true })
    if (existsSync(previous) && !existsSync(folder)) await rename(previous, folder)
    throw new UserError(`${path} cannot be written (${(cause as Error).message}): choose another place with --out`, {
      cause,
    })
  }
  await rm(previous, { recursive: true, force: true })
}

async function assertReplaceable(folder: string, path: string): Promise<void> {
  if (!existsSync(folder)) return
  const names = await readdir(folder).catch(() => null)
  if (names === null) throw new UserError(`--out ${path} is a file: give a folder`)
  if (names.length > 0 && !names.includes(marker)) {
    throw new UserError(`--out ${path} holds files that are no report: give a new folder, or one that holds a report`)
  }
}

import { randomUUID } from 'node:crypto'
import { link, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const suffix = '.new'
const abandonedAfterMs = 3_600_000

/** Make an empty DuckDB file, whole or not at all: of one whose headers were being written when its process was killed, or
 *  the disk full, nothing could be read again. Of several processes the first wins. Removes what killed ones left.
 *
 *  @throws what DuckDB or the file system throws when the file cannot be written.
 */
export async function createDatabase(duckdb: typeof import('@duckdb/node-api'), path: string): Promise<void> {
  await removeAbandoned(path)
  const temporary = `${path}.${randomUUID()}${suffix}`
  try {
    const instance = await duckdb.DuckDBInstance.create(temporary)
    instance.closeSync()
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path)
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(suffix)) continue
    const found = await stat(join(folder, name)).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > abandonedAfterMs) await rm(join(folder, name), { force: true })
  }
}

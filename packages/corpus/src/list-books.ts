import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { listParquetShards } from './list-parquet-shards.ts'

/** Books by name, `{genre}/{book}.txt`, each with the path at which its text lies, in no particular order; or the shards
 *  of a table of books, `part-00000.parquet`, ….
 */
export type Books = Readonly<Record<string, string>>

/** List the books of a folder that is laid out as `{genre}/{book}.txt`, or the shards of books that are stored as parquet.
 *
 *  In a folder of texts, files at any other depth, with another ending or with a name that starts with a dot are no
 *  books. A `.parquet` file, or a folder with such files directly in it, is a table of books: see `sampleBooks`.
 *  @returns Names with `/` between genre and book, whatever the platform, sorted by UTF-16 code units.
 *  @throws {UserError} when the folder cannot be read, holds no book, or holds shards of several tables.
 */
export async function listBooks(path: string): Promise<Books> {
  const shards = await listParquetShards(path)
  if (shards !== null) return shards
  if (await isFile(path)) {
    throw new UserError(
      `the books ${path} are a file: expected a folder of {genre}/{book}.txt, a .parquet file or a folder of them; ` +
        'put the text into a folder named for its genre, and give the folder above that',
    )
  }
  return listTexts(path)
}

async function listTexts(directory: string): Promise<Books> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read the folder of books ${directory}: ${cause.message}; check the path`, { cause })
  })
  const genres = entries.filter((entry) => !isText(entry.name) && !entry.isFile()).map((entry) => entry.name)
  const names: string[] = []
  for (const genre of genres) {
    const files = await readdir(join(directory, genre), { withFileTypes: true })
    names.push(...files.filter((f) => isText(f.name) && !f.isDirectory()).map((f) => `${genre}/${f.name}`))
  }
  if (names.length === 0) {
    const loose = entries.filter((entry) => isText(entry.name)).length
    throw new UserError(
      `${directory} holds no books: expected files {genre}/{book}.txt, found ${genres.length} folders without any and ` +
        `${loose} .txt files directly in it; put each book in a folder named for its genre`,
    )
  }
  return Object.fromEntries(names.sort().map((name) => [name, join(directory, name)]))
}

function isText(name: string): boolean {
  return name.endsWith('.txt') && !name.startsWith('.')
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

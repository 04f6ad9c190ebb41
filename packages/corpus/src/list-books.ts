import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'

/** Books by name, `{genre}/{book}.txt`, each with the path at which its text lies. The order carries no meaning. */
export type Books = Readonly<Record<string, string>>

/** List the books of a folder that is laid out as `{genre}/{book}.txt`.
 *
 *  Files at any other depth, with another ending or with a name that starts with a dot are no books.
 *  @returns Names with `/` between genre and book, whatever the platform, sorted by UTF-16 code units.
 *  @throws {UserError} when the folder cannot be read or holds no book.
 */
export async function listBooks(directory: string): Promise<Books> {
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

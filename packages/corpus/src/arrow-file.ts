import { readFile } from 'node:fs/promises'
import { writeFileAtomically } from '@isthmus/checkpoint'
import { UserError } from '@isthmus/tensor'
import { type Table, tableFromIPC, tableToIPC } from 'apache-arrow'

const MAGIC = 'ARROW1'

/** Write a table as an Arrow IPC file, whole or not at all. Equal tables give equal bytes.
 *
 *  @throws {UserError} when the file cannot be written; nothing is left behind.
 */
export function writeArrowFile(path: string, table: Table): Promise<void> {
  return writeFileAtomically(path, (file) => file.writeFile(tableToIPC(table, 'file')))
}

/** Read a table that `writeArrowFile` wrote, and check what kind of table it is.
 *
 *  Columns are views of the file's bytes, which the table owns.
 *  @param content What the schema's metadata must have as `content`.
 *  @throws {UserError} when the file cannot be read, is no Arrow IPC file, or holds something else.
 */
export async function readArrowFile(path: string, content: string): Promise<Table> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read ${path}: ${cause.message}; check the path`, { cause })
  })
  const table = parseArrowFile(bytes, path)
  const found = table.schema.metadata.get('content')
  if (found !== content) {
    throw new UserError(`${path} holds ${found ?? 'no known table'}, expected ${content}; give another file`)
  }
  return table
}

function parseArrowFile(bytes: Buffer, path: string): Table {
  const sentence = `${path} is not an Arrow IPC file, or is cut short; make it again`
  // The library reads a truncated file as an empty table; the format's magic stands at both ends.
  const ends = [bytes.subarray(0, MAGIC.length), bytes.subarray(-MAGIC.length)]
  if (ends.some((end) => end.toString('latin1') !== MAGIC)) throw new UserError(sentence)
  try {
    return tableFromIPC(bytes)
  } catch (cause) {
    throw new UserError(sentence, { cause })
  }
}

/** One entry of a table's metadata.
 *
 *  @throws {UserError} when it is missing.
 */
export function metadataEntry(table: Table, key: string, path: string): string {
  const value = table.schema.metadata.get(key)
  if (value === undefined) throw new UserError(`${path} lacks the metadata '${key}'; make it again`)
  return value
}

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileAtomically } from '@isthmus/checkpoint'

/** Write a text whole or not at all, over a file that is there. Its folder is made.
 *
 *  @throws {UserError} when it cannot be written.
 */
export async function writeWholeFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch(() => undefined)
  await writeFileAtomically(path, (file) => file.writeFile(content))
}

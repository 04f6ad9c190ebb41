import { readFileSync } from 'node:fs'
import { rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeCheckedLine, encodeCheckedLine } from './checked-line.ts'
import { translateWriteError } from './errors.ts'
import { temporaryPath } from './temporary-directory.ts'

/** Write a small file of a cache that holds one checked line: whole or not at all, in place of what is there.
 *
 *  @throws {CacheWriteError} when the disk is full or may not be written.
 */
export async function writeCheckedFile(cacheDirectory: string, path: string, value: unknown): Promise<void> {
  const temporary = temporaryPath(join(cacheDirectory, 'tmp'))
  try {
    await writeFile(temporary, encodeCheckedLine(value))
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw translateWriteError(error, cacheDirectory)
  }
}

/** The value of such a file; undefined when its checksum is wrong. */
export function readCheckedFile(path: string): unknown {
  return decodeCheckedLine(readFileSync(path, 'utf8').trimEnd())
}

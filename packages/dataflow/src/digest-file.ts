import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Digest } from './digest.ts'

/** SHA-256 of a file's content, streamed. */
export async function digestFile(path: string): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex') as Digest
}

/** Size, times of change in nanoseconds, and inode: equal fingerprints mean that a file was not written between. */
export async function fingerprint(path: string): Promise<string> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true })
  return `${size}:${mtimeNs}:${ctimeNs}:${ino}`
}

import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hostToken, isAlive } from './process-identity.ts'

const foreignAgeMilliseconds = 24 * 3600 * 1000
const ownToken = randomBytes(4).toString('hex')
let serial = 0

/** A new name under a directory for temporary files. It tells which process made it, so that what dead processes left
 *  behind can be told from what is being written.
 */
export function temporaryPath(directory: string): string {
  serial += 1
  return join(directory, `${hostToken}-${process.pid}-${ownToken}-${serial}`)
}

/** Remove the temporary files of processes that are gone: those whose process is dead on this host, and those of other
 *  hosts that nobody has touched for a day; also what was being written beside one, `.<name>.<random>.tmp`.
 *
 *  @returns How many were removed.
 */
export function removeAbandoned(directory: string): number {
  let removed = 0
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const [host, pid] = name.replace(/^\./, '').split('-')
    const path = join(directory, name)
    const abandoned = host === hostToken ? !isAlive(Number(pid)) : ageMilliseconds(path) > foreignAgeMilliseconds
    if (!abandoned) continue
    rmSync(path, { recursive: true, force: true })
    removed += 1
  }
  return removed
}

function ageMilliseconds(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats ? Date.now() - stats.mtimeMs : 0
}

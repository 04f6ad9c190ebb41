import { hash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Names the set of processes among which a process number means one process: host, boot, and namespace of process
 *  numbers (two containers of one host do not share it). 16 hexadecimal characters.
 */
export const hostToken: string = hash(
  'sha256',
  [
    hostname(),
    attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    attempt(() => readlinkSync('/proc/self/ns/pid')),
  ].join('\n'),
).slice(0, 16)

/** Whether a process of this host runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function attempt(read: () => string): string {
  try {
    return read().trim()
  } catch {
    return ''
  }
}

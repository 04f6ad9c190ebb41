import { readdirSync, readFileSync } from 'node:fs'

/** A process of a run, as Linux tells of it. */
export interface ProcessState {
  readonly pid: number
  readonly parent: number
  readonly isWorker: boolean
  readonly isZombie: boolean
  readonly residentBytes: number
  readonly openFiles: number
}

const pageBytes = 4096

/** The processes of a group, zombies too. */
export function processGroup(group: number): ProcessState[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processState(Number(name), group) ?? [])
}

/** Undefined when the process has gone, or is of another group. */
function processState(pid: number, group: number): ProcessState | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent, ownGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(ownGroup) !== group) return undefined
    const isZombie = state === 'Z'
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
    return {
      pid,
      parent: Number(parent),
      isWorker: readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker.mjs'),
      isZombie,
      residentBytes: pages * pageBytes,
      openFiles: isZombie ? 0 : readdirSync(`/proc/${pid}/fd`).length,
    }
  } catch {
    return undefined
  }
}

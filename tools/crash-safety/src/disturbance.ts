import { type ChildProcess, execFileSync } from 'node:child_process'
import { processGroup } from './process-group.ts'

/** What happens to a run at a random moment. */
export const disturbances = ['parent', 'worker', 'both', 'disk'] as const

/** `parent`, `worker`: SIGKILL of that process; `both`: of the parent and all its workers, as a power cut; `disk`: the file
 *  system that holds the cache is full from then on.
 */
export type Disturbance = (typeof disturbances)[number]

/** Kill what a disturbance names. A run has no worker at first, and none again at its end.
 *
 *  @param child Started in a process group of its own.
 *  @returns Whether there was anything to kill.
 */
export function kill(child: ChildProcess, disturbance: Exclude<Disturbance, 'disk'>): boolean {
  if (disturbance === 'worker') {
    const worker = processGroup(child.pid!).find(({ isWorker, isZombie }) => isWorker && !isZombie)
    return worker !== undefined && signal(worker.pid)
  }
  return signal(disturbance === 'both' ? -child.pid! : child.pid!)
}

function signal(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

/** A small file system of its own, which can be filled up and emptied again. */
export class SmallDisk {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Mount one over a folder; null where that needs rights that this process lacks. */
  static mount(folder: string): SmallDisk | null {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', folder], { stdio: 'pipe' })
      return new SmallDisk(folder)
    } catch {
      return null
    }
  }

  /** Leave room for so many bytes more than it holds now. Refused where more is written meanwhile: then it tries again. */
  fill(room: number): void {
    for (let attempt = 1; ; attempt++) {
      const used = Number(
        execFileSync('df', ['--output=used', '-B1', this.#folder], { encoding: 'utf8' }).split('\n')[1],
      )
      try {
        return this.#resize(used + room)
      } catch (error) {
        if (attempt === 10) throw error
      }
    }
  }

  /** Make room again. */
  empty(): void {
    this.#resize(2 ** 30)
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.#folder])
  }

  #resize(bytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${Math.max(4096, Math.floor(bytes))}`, this.#folder], { stdio: 'pipe' })
  }
}

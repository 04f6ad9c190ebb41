import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ProcessState, processGroup } from './process-group.ts'

/** A study of a few seconds that has every kind of step. */
const smallStudy = resolve(import.meta.dirname, '../small-study.ts')

let built: string | undefined

/** Build the command once for this process, so that what changes in the sources meanwhile does not reach it.
 *
 *  @returns The path of its module.
 */
export function buildCommand(): string {
  const build = resolve(import.meta.dirname, '../../../apps/cli/bin/build.mjs')
  built ??= execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim()
  return built
}

/** `isthmus run` of the small study on a home, in a process group of its own. */
export class CommandRun {
  readonly child: ChildProcess
  /** The exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>
  stdout = ''
  /** The last of it. */
  stderr = ''

  /** @param options Of `isthmus run`, after the study.
   *  @param environment Besides that of this process.
   */
  constructor(home: string, options: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [buildCommand(), 'run', smallStudy, ...options], {
      env: { ...process.env, ...environment, ISTHMUS_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = `${this.stderr}${text}`.slice(-10_000)
    })
    this.exit = new Promise((end) => this.child.once('exit', end))
  }

  /** Wait for its end, and throw unless it was a good one. */
  async mustEndWell(): Promise<void> {
    const code = await this.exit
    if (code !== 0) throw new Error(`a run that nothing had stopped ended with code ${code}: ${this.stderr}`)
  }

  /** Wait until no process of its group is left: workers end when they find that their parent has.
   *
   *  @returns Those that are left when time is up, zombies too.
   */
  async groupEnded(seconds = 60): Promise<ProcessState[]> {
    for (const end = performance.now() + seconds * 1000; ; await delay(20)) {
      const left = processGroup(this.child.pid!)
      if (left.length === 0 || performance.now() > end) return left
    }
  }
}

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandRun } from './command-run.ts'
import { kill } from './disturbance.ts'
import { jobLogEnvironment, readJobLog } from './job-log.ts'

/** A way in which a run ends, what brings it about, and the exit code that it has; null after SIGKILL. */
interface End {
  readonly name: string
  readonly code: number | null
  readonly apply: (run: CommandRun) => unknown
}

const ends: readonly End[] = [
  { name: 'by itself', code: 0, apply: () => undefined },
  { name: 'Ctrl-C: SIGINT to all', code: 130, apply: ({ child }) => process.kill(-child.pid!, 'SIGINT') },
  { name: 'SIGINT to the parent', code: 130, apply: ({ child }) => child.kill('SIGINT') },
  { name: 'SIGTERM to the parent', code: 130, apply: ({ child }) => child.kill('SIGTERM') },
  { name: 'SIGKILL of the parent', code: null, apply: ({ child }) => kill(child, 'parent') },
  { name: 'SIGKILL of a worker', code: 0, apply: ({ child }) => kill(child, 'worker') },
  { name: 'SIGKILL of all', code: null, apply: ({ child }) => kill(child, 'both') },
]

/** What was left of a run after its end. */
export interface EndReport {
  readonly end: string
  readonly code: number | null
  readonly expectedCode: number | null
  /** Processes of its group that still ran after ten seconds. */
  readonly running: number
  readonly zombies: number
  /** Files in the cache's folders for what is being written and who computes what. */
  readonly leftOvers: number
  /** The last that it said. */
  readonly said: string
}

/** End a run of the small study in each way, in the midst of a job, and look what is left. */
export async function* tryEnds(): AsyncGenerator<EndReport> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-ends-'))
  try {
    for (const [i, end] of ends.entries()) yield await tryEnd(end, join(folder, String(i)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function tryEnd({ name, code: expectedCode, apply }: End, folder: string): Promise<EndReport> {
  const [home, log] = [join(folder, 'home'), `${folder}.jobs`]
  const run = new CommandRun(home, [], jobLogEnvironment(log))
  while (run.child.exitCode === null && readJobLog(log).computing.size === 0) await delay(5)
  apply(run)
  const code = await run.exit
  const left = await run.groupEnded(10)
  const zombies = left.filter(({ isZombie }) => isZombie).length
  const files = await Promise.all(['tmp', 'leases'].map((name) => readdir(join(home, 'cache', name))))
  return {
    end: name,
    code,
    expectedCode,
    running: left.length - zombies,
    zombies,
    leftOvers: files.flat().length,
    said: run.stderr.slice(-2000),
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandRun } from './command-run.ts'
import { kill } from './disturbance.ts'
import { type Comparison, compareHome } from './home-contents.ts'
import { jobLogEnvironment, readJobLog } from './job-log.ts'
import { runUndisturbed } from './kill-and-resume.ts'

export interface AtOnceOptions {
  /** How many runs of the study share one home. */
  readonly processes: number
  /** Whether one is killed with its workers while it computes, when half of the results are there. */
  readonly kill: boolean
}

/** What became of runs of one study on one home at the same time. */
export interface AtOnceReport extends Comparison {
  /** Exit codes of the runs that were left alone. */
  readonly exitCodes: readonly (number | null)[]
  /** Jobs that each of these has computed. */
  readonly computed: readonly number[]
  /** Undefined where none was killed. */
  readonly computedByKilled: number | undefined
  /** Keys that runs which were not killed began more often than once. */
  readonly doubled: readonly string[]
  /** Keys that two runs computed at the same time. */
  readonly overlapping: readonly string[]
  readonly results: number
}

/** Run a small study in several processes at once on one home, and compare with an undisturbed run of it. Where one was
 *  killed, one more run follows, which clears away what it left.
 */
export async function runAtOnce({ processes, kill: isKilling }: AtOnceOptions): Promise<AtOnceReport> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-at-once-'))
  try {
    const { contents } = await runUndisturbed(join(folder, 'undisturbed'))
    const [home, log] = [join(folder, 'home'), join(folder, 'jobs')]
    const runs = Array.from({ length: processes }, () => new CommandRun(home, [], jobLogEnvironment(log)))
    const killed = isKilling ? await killHalfWay(runs, log, contents.digests.size / 2) : undefined
    const others = runs.filter((run) => run !== killed)
    const exitCodes = await Promise.all(others.map(({ exit }) => exit))
    if (killed !== undefined) {
      await killed.exit
      await new CommandRun(home).mustEndWell()
    }
    const killedRuns = killed === undefined ? [] : [killed.child.pid!]
    const jobs = readJobLog(log, killedRuns)
    return {
      ...(await compareHome(home, contents)),
      exitCodes,
      computed: others.map(({ child }) => jobs.ended.get(child.pid!) ?? 0),
      computedByKilled: killed && (jobs.ended.get(killed.child.pid!) ?? 0),
      doubled: [...jobs.begun]
        .filter(([, by]) => by.filter((run) => !killedRuns.includes(run)).length > 1)
        .map(([key]) => key),
      overlapping: jobs.overlapping,
      results: contents.digests.size,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Kill a run, with its workers, that is computing when so many keys have been begun. */
async function killHalfWay(runs: readonly CommandRun[], log: string, keys: number): Promise<CommandRun | undefined> {
  while (runs.some(({ child }) => child.exitCode === null)) {
    const { begun, computing } = readJobLog(log)
    const victim = runs.find(({ child }) => [...computing.values()].includes(child.pid!))
    if (begun.size >= keys && victim !== undefined) return kill(victim.child, 'both') ? victim : undefined
    await delay(2)
  }
  return undefined
}

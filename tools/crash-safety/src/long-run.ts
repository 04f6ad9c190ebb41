import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandRun } from './command-run.ts'
import { jobLogEnvironment, readJobLog } from './job-log.ts'
import { type ProcessState, processGroup } from './process-group.ts'

/** The processes of a run when so many jobs had ended, the parent first. */
export interface HealthSample {
  readonly jobs: number
  readonly processes: readonly ProcessState[]
}

/** How one process of a run fared, from when a fifth of all samples had been taken. */
export interface ProcessHealth {
  readonly name: string
  /** Slope of the resident size, by least squares, in bytes a job. */
  readonly bytesPerJob: number
  /** By how much the least number of open files in the second half is above that in the first. */
  readonly addedFiles: number
}

export interface LongRunReport {
  readonly samples: readonly HealthSample[]
  readonly health: readonly ProcessHealth[]
  readonly jobs: number
  readonly code: number | null
  /** Processes that are left after the end. */
  readonly left: number
}

/** Run a study of many short jobs, and watch the memory and the open files of all its processes.
 *
 *  @param jobs How many at least.
 *  @param every After how many jobs a sample is taken.
 */
export async function watchLongRun(jobs: number, every: number): Promise<LongRunReport> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-long-run-'))
  try {
    const log = join(folder, 'jobs')
    const lambdas = ['--set', `lambdas=${Math.ceil(jobs / 2) + 2}`]
    const run = new CommandRun(join(folder, 'home'), lambdas, jobLogEnvironment(log))
    const samples: HealthSample[] = []
    while (run.child.exitCode === null && run.child.signalCode === null) {
      const ended = readJobLog(log).ended.get(run.child.pid!) ?? 0
      if (ended >= (samples.length + 1) * every) samples.push(takeSample(run.child.pid!, ended))
      await delay(50)
    }
    return {
      samples,
      health: processHealth(samples),
      jobs: readJobLog(log).ended.get(run.child.pid!) ?? 0,
      code: await run.exit,
      left: (await run.groupEnded(10)).length,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function takeSample(parent: number, jobs: number): HealthSample {
  const processes = processGroup(parent).sort((left, right) => left.pid - right.pid)
  return { jobs, processes: processes.filter(({ pid, isWorker }) => pid === parent || isWorker) }
}

function processHealth(samples: readonly HealthSample[]): ProcessHealth[] {
  const settled = samples.slice(Math.floor(samples.length / 5))
  const pids = new Set(settled.flatMap(({ processes }) => processes.map(({ pid }) => pid)))
  return [...pids].map((pid, i) => {
    const states = settled.flatMap(({ jobs, processes }) => {
      const state = processes.find((one) => one.pid === pid)
      return state === undefined ? [] : [{ ...state, jobs }]
    })
    const files = states.map(({ openFiles }) => openFiles)
    const half = Math.ceil(files.length / 2)
    return {
      name: i === 0 ? 'parent' : `worker ${i}`,
      bytesPerJob: slope(states.map(({ jobs, residentBytes }) => [jobs, residentBytes])),
      addedFiles: Math.min(...files.slice(-half)) - Math.min(...files.slice(0, half)),
    }
  })
}

/** Of the line through points by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([value]) => value)), mean(points.map(([, value]) => value))]
  return (
    points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) /
    points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
  )
}

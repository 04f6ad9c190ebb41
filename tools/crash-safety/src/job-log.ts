import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What the workers of all runs on a home did. Runs are named by the numbers of their processes. */
export interface JobLog {
  /** The runs that began a key, in the order in which they did. */
  readonly begun: ReadonlyMap<string, readonly number[]>
  /** How many jobs each run has ended. */
  readonly ended: ReadonlyMap<number, number>
  /** The run that is computing a key. */
  readonly computing: ReadonlyMap<string, number>
  /** Keys that a run began while another, that had not been killed, was computing them. */
  readonly overlapping: readonly string[]
}

/** The environment that has the workers of a command write down what they do. */
export function jobLogEnvironment(path: string): NodeJS.ProcessEnv {
  const preloaded = pathToFileURL(join(import.meta.dirname, 'log-jobs.mjs')).href
  return { ISTHMUS_JOB_LOG: path, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${preloaded}` }
}

/** Read what workers have written down so far.
 *
 *  @param killed The numbers of runs that were killed: what they had not ended hinders nobody.
 */
export function readJobLog(path: string, killed: readonly number[] = []): JobLog {
  const begun = new Map<string, number[]>()
  const ended = new Map<number, number>()
  const computing = new Map<string, number>()
  const overlapping: string[] = []
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  for (const line of lines.slice(0, -1)) {
    const [what, key = '', , parent] = line.split(' ')
    const run = Number(parent)
    if (what === 'end') {
      ended.set(run, (ended.get(run) ?? 0) + 1)
      if (computing.get(key) === run) computing.delete(key)
      continue
    }
    const other = computing.get(key)
    if (other !== undefined && !killed.includes(other)) overlapping.push(key)
    computing.set(key, run)
    begun.set(key, [...(begun.get(key) ?? []), run])
  }
  return { begun, ended, computing, overlapping }
}

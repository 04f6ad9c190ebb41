import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openCache, verifyCache } from '@isthmus/dataflow'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** What became of a study that was killed again and again. */
export interface KillReport {
  /** How often a run was killed before it had ended by itself. */
  readonly kills: number
  /** Finished caches that were compared with the undisturbed one. */
  readonly compared: number
  /** Keys whose digest differs from the undisturbed run's, or that only one of the two has. */
  readonly differing: readonly string[]
  /** Faults that a check of the whole cache found afterwards. */
  readonly faults: number
  readonly results: number
}

const command = resolve(import.meta.dirname, '../../../apps/cli/bin/isthmus.mjs')

/** A study of a few seconds that has every kind of step. */
export const smallStudy = [
  'quickstart',
  ...['seeds=1,2', 'methods=vanilla,head-perm', 'lambdas=5', 'alignment.fraction=0.002', 'evaluation.blocks=8'].flatMap(
    (setting) => ['--set', setting],
  ),
]

/** Run a study undisturbed, then run it with SIGKILLs to its process group, and compare.
 *
 *  Moments are drawn uniformly from the undisturbed run's duration, with `seed`. Each killed run leaves its cache to the
 *  next one. When a run ends by itself, its results are compared and the next starts with an empty cache.
 *  @param onKill Called after each kill.
 */
export async function killAndResume(
  { kills, seed, study }: { readonly kills: number; readonly seed: number; readonly study: readonly string[] },
  onKill: (done: number) => void = () => undefined,
): Promise<KillReport> {
  const random = xoroshiro128plus(seed)
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-crash-'))
  try {
    const start = performance.now()
    await finish(startRun(study, join(folder, 'undisturbed')))
    const duration = performance.now() - start
    const expected = await digestsOf(join(folder, 'undisturbed'))
    const comparisons: Comparison[] = []
    let killed = 0
    const home = () => join(folder, `home-${comparisons.length}`)
    while (killed < kills) {
      const moment = (uniformInt(random, 0, 1_000_000) / 1_000_000) * duration
      if (await killAfter(startRun(study, home()), moment)) onKill(++killed)
      else comparisons.push(await compare(home(), expected))
    }
    await finish(startRun(study, home()))
    comparisons.push(await compare(home(), expected))
    return {
      kills: killed,
      compared: comparisons.length,
      differing: comparisons.flatMap(({ differing }) => differing),
      faults: comparisons.reduce((sum, { faults }) => sum + faults, 0),
      results: expected.size,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Comparison {
  readonly differing: readonly string[]
  readonly faults: number
}

/** In a process group of its own, so that a kill takes the workers too, as a power cut would. */
function startRun(study: readonly string[], home: string): ChildProcess {
  return spawn(process.execPath, [command, 'run', ...study], {
    env: { ...process.env, ISTHMUS_HOME: home },
    stdio: 'ignore',
    detached: true,
  })
}

async function finish(child: ChildProcess): Promise<void> {
  const code = await exitOf(child)
  if (code !== 0) throw new Error(`a run that was not killed ended with code ${code}`)
}

/** Kill a run after some milliseconds. Returns false when it had ended by itself. */
async function killAfter(child: ChildProcess, milliseconds: number): Promise<boolean> {
  const exit = exitOf(child)
  const ended = await Promise.race([exit.then(() => true), delay(milliseconds, false)])
  if (ended) {
    await finish(child)
    return false
  }
  process.kill(-child.pid!, 'SIGKILL')
  await exit
  return true
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', resolve))
}

async function compare(home: string, expected: ReadonlyMap<string, string>): Promise<Comparison> {
  const found = await digestsOf(home)
  const keys = new Set([...found.keys(), ...expected.keys()])
  const cache = await openCache(join(home, 'cache'))
  try {
    const { corrupt, missing, damagedPacks, inconsistent, nondeterministic } = await verifyCache(cache)
    const faults = [corrupt, missing, damagedPacks, inconsistent, nondeterministic].reduce(
      (n, list) => n + list.length,
      0,
    )
    return { differing: [...keys].filter((key) => found.get(key) !== expected.get(key)), faults }
  } finally {
    cache.close()
  }
}

/** The digest of every result in a cache, by key. */
async function digestsOf(home: string): Promise<Map<string, string>> {
  const cache = await openCache(join(home, 'cache'))
  try {
    return new Map([...cache.actions.records()].map(({ key, output }) => [key, output.digest]))
  } finally {
    cache.close()
  }
}

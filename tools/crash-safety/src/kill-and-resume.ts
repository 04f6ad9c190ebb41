import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openCache, verifyCache } from '@isthmus/dataflow'
import { querySandboxed, resultsPath } from '@isthmus/results'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { type Disturbance, disturbances, kill, SmallDisk } from './disturbance.ts'

/** What became of a study that was disturbed again and again. */
export interface KillReport {
  /** How often a run was disturbed before it had ended, by what. */
  readonly disturbed: Readonly<Record<Disturbance, number>>
  /** Finished caches that were compared with the undisturbed one. */
  readonly compared: number
  /** Keys whose digest differs from the undisturbed run's, or that only one of the two has. */
  readonly differing: readonly string[]
  /** Rows of the results that differ from the undisturbed run's, or that only one of the two has. */
  readonly differingRows: number
  /** Faults that a check of the whole cache found afterwards. */
  readonly faults: number
  /** Files in the cache's folder for what is being written, after a last run had ended. */
  readonly leftOvers: readonly string[]
  /** Runs on a full disk that ended otherwise than with a sentence that says so. */
  readonly unexplained: readonly string[]
  readonly results: number
  readonly rows: number
  /** Whether this process may mount a small disk. */
  readonly canFillDisk: boolean
}

export interface KillOptions {
  /** How many disturbances. */
  readonly kills: number
  /** Of the moments and the kinds. */
  readonly seed: number
  readonly study: readonly string[]
}

const command = resolve(import.meta.dirname, '../../../apps/cli/bin/isthmus.mjs')

/** A study of a few seconds that has every kind of step. */
export const smallStudy = [
  'quickstart',
  ...['seeds=1,2', 'methods=vanilla,head-perm', 'lambdas=5', 'alignment.fraction=0.002', 'evaluation.blocks=8'].flatMap(
    (setting) => ['--set', setting],
  ),
]

/** Run a study undisturbed, then run it again and again with disturbances, and compare.
 *
 *  Kinds and moments, uniform over the undisturbed run's duration, are drawn with `seed`. Each disturbed run leaves its
 *  home to the next one. When a run ends by itself, its cache and its rows are compared and the next starts with nothing.
 *  A run whose worker is killed goes on, and must end well. Disks are filled where this process may mount one.
 *  @param onKill Called after each disturbance.
 */
export async function killAndResume(
  options: KillOptions,
  onKill: (done: number) => void = () => undefined,
): Promise<KillReport> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-crash-'))
  const disk = SmallDisk.mount(folder)
  try {
    return await new Trial(folder, disk, options, onKill).run()
  } finally {
    disk?.unmount()
    await rm(folder, { recursive: true, force: true })
  }
}

class Trial {
  readonly #folder: string
  readonly #disk: SmallDisk | null
  readonly #options: KillOptions
  readonly #onKill: (done: number) => void
  readonly #random: ReturnType<typeof xoroshiro128plus>
  readonly #disturbed: Record<Disturbance, number> = { parent: 0, worker: 0, both: 0, disk: 0 }
  readonly #comparisons: Comparison[] = []
  readonly #unexplained: string[] = []

  constructor(folder: string, disk: SmallDisk | null, options: KillOptions, onKill: (done: number) => void) {
    this.#folder = folder
    this.#disk = disk
    this.#options = options
    this.#onKill = onKill
    this.#random = xoroshiro128plus(options.seed)
  }

  async run(): Promise<KillReport> {
    const { study, kills } = this.#options
    const start = performance.now()
    await mustEndWell(new Run(study, join(this.#folder, 'undisturbed')))
    const duration = performance.now() - start
    const expected = await contentsOf(join(this.#folder, 'undisturbed'))
    const kinds = disturbances.filter((kind) => kind !== 'disk' || this.#disk !== null)
    for (let done = 0; done < kills; ) {
      const kind = kinds[uniformInt(this.#random, 0, kinds.length - 1)]!
      const isDisturbed = await this.#disturb(kind, this.#uniform() * duration)
      if (isDisturbed) {
        this.#disturbed[kind] += 1
        done += 1
        this.#onKill(done)
      }
      if (!isDisturbed || kind === 'worker') await this.#compare(expected)
    }
    await mustEndWell(new Run(study, this.#home))
    await this.#compare(expected)
    const sum = (of: (comparison: Comparison) => number) => this.#comparisons.reduce((total, one) => total + of(one), 0)
    return {
      disturbed: this.#disturbed,
      compared: this.#comparisons.length,
      differing: this.#comparisons.flatMap(({ differing }) => differing),
      differingRows: sum(({ differingRows }) => differingRows),
      faults: sum(({ faults }) => faults),
      leftOvers: this.#comparisons.flatMap(({ leftOvers }) => leftOvers),
      unexplained: this.#unexplained,
      results: expected.digests.size,
      rows: expected.rows.size,
      canFillDisk: this.#disk !== null,
    }
  }

  /** Each finished home is followed by a new one. */
  get #home(): string {
    return join(this.#folder, `home-${this.#comparisons.length}`)
  }

  #uniform(): number {
    return uniformInt(this.#random, 0, 1_000_000) / 1_000_000
  }

  /** Run the study and disturb it after some milliseconds.
   *
   *  @returns False when it had ended by itself.
   */
  async #disturb(kind: Disturbance, milliseconds: number): Promise<boolean> {
    const run = new Run(this.#options.study, this.#home)
    const hasEnded = await Promise.race([run.exit.then(() => true), delay(milliseconds, false)])
    if (hasEnded) {
      await mustEndWell(run)
      return false
    }
    if (kind === 'disk') return this.#fillDisk(run)
    const isKilled = kill(run.child, kind)
    if (kind === 'worker' || !isKilled) {
      await mustEndWell(run)
      return isKilled
    }
    await run.exit
    if (kind === 'parent') await workersEnded(run.child)
    return true
  }

  /** Let the disk be full until the run ends, which it does with a sentence, unless it needed nothing more. */
  async #fillDisk(run: Run): Promise<boolean> {
    this.#disk!.fill(this.#uniform() * 2 ** 20)
    const code = await run.exit
    this.#disk!.empty()
    if (code === 0) return false
    if (code !== 2 || !/is full|no space is left|disk/i.test(run.stderr)) {
      this.#unexplained.push(`exit code ${code}: ${run.stderr.slice(-500)}`)
    }
    return true
  }

  async #compare(expected: Contents): Promise<void> {
    const home = this.#home
    this.#comparisons.push(await compare(home, expected))
    await rm(home, { recursive: true })
  }
}

/** A run in a process group of its own. */
class Run {
  readonly child: ChildProcess
  readonly exit: Promise<number | null>
  stderr = ''

  constructor(study: readonly string[], home: string) {
    this.child = spawn(process.execPath, [command, 'run', ...study], {
      env: { ...process.env, ISTHMUS_HOME: home },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = `${this.stderr}${text}`.slice(-10_000)
    })
    this.exit = new Promise((end) => this.child.once('exit', end))
  }
}

async function mustEndWell(run: Run): Promise<void> {
  const code = await run.exit
  if (code !== 0) throw new Error(`a run that nothing had stopped ended with code ${code}: ${run.stderr}`)
}

/** Workers end when they find that their parent has. */
async function workersEnded({ pid }: ChildProcess): Promise<void> {
  for (;;) {
    try {
      process.kill(-pid!, 0)
    } catch {
      return
    }
    await delay(5)
  }
}

/** What a home holds: the digest of each result by its key, and the rows, as text. */
interface Contents {
  readonly digests: ReadonlyMap<string, string>
  readonly rows: ReadonlySet<string>
}

/** All that a row says but times. */
const rowQueries = [
  'select * from curve_point',
  'select * exclude seconds from alignment',
  'select * from correlation',
  'select * from model',
  'select * exclude seconds from artifact',
]

async function contentsOf(home: string): Promise<Contents> {
  const cache = await openCache(join(home, 'cache'))
  const digests = new Map([...cache.actions.records()].map(({ key, output }) => [key, output.digest]))
  cache.close()
  const rows = new Set<string>()
  for (const query of rowQueries) {
    const result = await querySandboxed(resultsPath(home), query)
    for (const row of result.rows) rows.add(JSON.stringify([query, row]))
  }
  return { digests, rows }
}

interface Comparison {
  readonly differing: readonly string[]
  readonly differingRows: number
  readonly faults: number
  readonly leftOvers: readonly string[]
}

async function compare(home: string, expected: Contents): Promise<Comparison> {
  const found = await contentsOf(home)
  const cache = await openCache(join(home, 'cache'))
  try {
    const { corrupt, missing, damagedPacks, inconsistent, nondeterministic } = await verifyCache(cache)
    const faults = [corrupt, missing, damagedPacks, inconsistent, nondeterministic]
    const keys = new Set([...found.digests.keys(), ...expected.digests.keys()])
    const rows = new Set([...found.rows, ...expected.rows])
    const folders = await Promise.all(['tmp', 'partial'].map((name) => entries(join(home, 'cache', name))))
    return {
      differing: [...keys].filter((key) => found.digests.get(key) !== expected.digests.get(key)),
      differingRows: [...rows].filter((row) => !found.rows.has(row) || !expected.rows.has(row)).length,
      faults: faults.reduce((sum, list) => sum + list.length, 0),
      leftOvers: folders.flat(),
    }
  } finally {
    cache.close()
  }
}

async function entries(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  return readdir(folder)
}

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { buildCommand, CommandRun } from './command-run.ts'
import { type Disturbance, disturbances, kill, SmallDisk } from './disturbance.ts'
import { type Comparison, compareHome, type HomeContents, homeContents, resultDigests } from './home-contents.ts'

/** What became of a study that was disturbed again and again. */
export interface KillReport extends Comparison {
  /** How often a run was disturbed before it had ended, by what. */
  readonly disturbed: Readonly<Record<Disturbance, number>>
  /** Finished homes that were compared with the undisturbed one. */
  readonly compared: number
  /** Runs that ended otherwise than they should: badly though nothing stopped them, on a full disk without a sentence that
   *  says so, or leaving behind a process or what cannot be read.
   */
  readonly badEnds: readonly string[]
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
  /** How many homes are disturbed side by side. Default 1. */
  readonly sideBySide?: number
  /** Ends the trial early, with a report of what was done. */
  readonly signal?: AbortSignal
}

/** How long the study takes in milliseconds, from nothing and when all is cached. */
interface Durations {
  readonly full: number
  readonly cached: number
}

/** How much a disk that is being filled may still take, in bytes: less than a run writes. */
const maximumRoom = 2 ** 18

interface Expected {
  readonly contents: HomeContents
  readonly durations: Durations
}

/** Run a small study undisturbed, then run it again and again with disturbances, and compare.
 *
 *  Kinds and moments are drawn with `seed`, moments uniformly over what the run is expected to take with what its home
 *  has already. A run that is killed leaves its home to the next one. One whose worker is killed goes on: to its end,
 *  or until it is killed too. When a run ends by itself it must have ended well, its cache and its rows are compared,
 *  and the next starts with nothing. Disks are filled where this process may mount one.
 *  @param onKill Called after each disturbance.
 */
export async function killAndResume(options: KillOptions, onKill: () => void = () => undefined): Promise<KillReport> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-crash-'))
  try {
    const expected = await runUndisturbed(join(folder, 'undisturbed'))
    const { kills, seed, sideBySide = 1, signal } = options
    const trials = Array.from({ length: sideBySide }, (_, i) => {
      const share = Math.floor((kills + i) / sideBySide)
      return new Trial(join(folder, `trial-${i}`), { expected, seed: seed + i, onKill, signal }).run(share)
    })
    const ended = await Promise.allSettled(trials)
    return summarise(
      ended.map((one) => {
        if (one.status === 'rejected') throw one.reason
        return one.value
      }),
      expected.contents,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Run the small study where nothing disturbs it, twice. */
export async function runUndisturbed(home: string): Promise<Expected> {
  buildCommand()
  const timed = async () => {
    const start = performance.now()
    await new CommandRun(home).mustEndWell()
    return performance.now() - start
  }
  const durations = { full: await timed(), cached: await timed() }
  return { contents: await homeContents(home), durations }
}

function summarise(trials: readonly Trial[], expected: HomeContents): KillReport {
  const comparisons = trials.flatMap((trial) => trial.comparisons)
  const sum = <Of>(list: readonly Of[], count: (one: Of) => number) =>
    list.reduce((total, one) => total + count(one), 0)
  return {
    disturbed: Object.fromEntries(
      disturbances.map((kind) => [kind, sum(trials, (trial) => trial.disturbed[kind])]),
    ) as Record<Disturbance, number>,
    compared: comparisons.length,
    differing: comparisons.flatMap(({ differing }) => differing),
    differingRows: sum(comparisons, ({ differingRows }) => differingRows),
    faults: sum(comparisons, ({ faults }) => faults),
    leftOvers: comparisons.flatMap(({ leftOvers }) => leftOvers),
    badEnds: trials.flatMap((trial) => trial.badEnds),
    results: expected.digests.size,
    rows: expected.rows.size,
    canFillDisk: trials.every((trial) => trial.canFillDisk),
  }
}

interface TrialOptions {
  readonly expected: Expected
  readonly seed: number
  readonly onKill: () => void
  readonly signal: AbortSignal | undefined
}

/** Homes that are disturbed one after another. */
class Trial {
  readonly disturbed: Record<Disturbance, number> = { parent: 0, worker: 0, both: 0, disk: 0 }
  readonly comparisons: Comparison[] = []
  readonly badEnds: string[] = []
  readonly #folder: string
  readonly #expected: Expected
  readonly #onKill: () => void
  readonly #random: ReturnType<typeof xoroshiro128plus>
  readonly #signal: AbortSignal | undefined
  #disk: SmallDisk | null = null
  #homes = 0

  constructor(folder: string, { expected, seed, onKill, signal }: TrialOptions) {
    this.#folder = folder
    this.#expected = expected
    this.#onKill = onKill
    this.#signal = signal
    this.#random = xoroshiro128plus(seed)
  }

  get canFillDisk(): boolean {
    return this.#disk !== null
  }

  async run(kills: number): Promise<this> {
    await mkdir(this.#folder)
    this.#disk = SmallDisk.mount(this.#folder)
    try {
      await this.#disturbOften(kills)
    } finally {
      this.#disk?.unmount()
    }
    return this
  }

  async #disturbOften(kills: number): Promise<void> {
    const isDone = () => this.#signal?.aborted === true || this.#done >= kills
    while (!isDone()) await this.#runDisturbed(isDone)
    await this.#mustEndWell(new CommandRun(this.#home))
  }

  get #done(): number {
    return Object.values(this.disturbed).reduce((sum, count) => sum + count, 0)
  }

  /** Each finished home is followed by a new one. */
  get #home(): string {
    return join(this.#folder, `home-${this.#homes}`)
  }

  #uniform(): number {
    return uniformInt(this.#random, 0, 1_000_000) / 1_000_000
  }

  /** What the next run takes, going by how many results are missing; in milliseconds. */
  async #expectedDuration(): Promise<number> {
    const { contents, durations } = this.#expected
    const missing = 1 - (await resultDigests(this.#home)).size / contents.digests.size
    return durations.cached + missing * (durations.full - durations.cached)
  }

  /** Run the study, and disturb it until it ends: a worker is killed once at most, since a job that loses two fails. */
  async #runDisturbed(isDone: () => boolean): Promise<void> {
    const run = new CommandRun(this.#home)
    let kinds = disturbances.filter((kind) => kind !== 'disk' || this.canFillDisk)
    while (!isDone()) {
      const kind = kinds[uniformInt(this.#random, 0, kinds.length - 1)]!
      const milliseconds = this.#uniform() * (await this.#expectedDuration())
      if (await Promise.race([run.exit.then(() => true), delay(milliseconds, false)])) break
      const isDisturbed = kind === 'disk' ? await this.#fillDisk(run) : kill(run.child, kind)
      if (isDisturbed) {
        this.disturbed[kind] += 1
        this.#onKill()
      }
      if (isDisturbed && kind !== 'worker') return this.#mustLeaveNoProcess(run)
      kinds = kinds.filter((other) => other !== 'worker')
    }
    await this.#mustEndWell(run)
  }

  /** Let the disk be full until the run ends: with a sentence that says so, or well, having left its rows to the next run.
   *
   *  @returns False when it needed nothing more.
   */
  async #fillDisk(run: CommandRun): Promise<boolean> {
    this.#disk!.fill(this.#uniform() * maximumRoom)
    const code = await run.exit
    this.#disk!.empty()
    const hasSaidSo = /is full|no space|free the disk/i.test(run.stderr)
    if (code === 0) return hasSaidSo
    if (code !== 2 || !hasSaidSo) this.#endedBadly(code, run)
    return true
  }

  /** Compare what a run leaves that was not stopped, and start anew. */
  async #mustEndWell(run: CommandRun): Promise<void> {
    const code = await run.exit
    if (code === 0) await this.#compare()
    else this.#endedBadly(code, run)
    await rm(this.#home, { recursive: true, force: true })
    this.#homes += 1
  }

  async #compare(): Promise<void> {
    try {
      this.comparisons.push(await compareHome(this.#home, this.#expected.contents))
    } catch (error) {
      this.badEnds.push(`a home cannot be read: ${error}`)
    }
  }

  async #mustLeaveNoProcess(run: CommandRun): Promise<void> {
    await run.exit
    const left = await run.groupEnded()
    if (left.length > 0) this.badEnds.push(`${left.length} processes outlived their run`)
  }

  #endedBadly(code: number | null, { stderr }: CommandRun): void {
    this.badEnds.push(`exit code ${code}: ${stderr.slice(-500)}`)
  }
}

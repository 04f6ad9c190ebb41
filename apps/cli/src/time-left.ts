import type { Digest, Node } from '@isthmus/dataflow'

/** What is known of the time that steps take before a run. */
export interface TimeLeftOptions {
  /** How many steps are computed at once. */
  readonly slots: number
  /** Seconds that a step of each operation takes, as far as that is known. Asked for once, when the first step begins. */
  readonly expected: (operations: Iterable<string>) => ReadonlyMap<string, number>
}

interface Measured {
  count: number
  seconds: number
}

interface Running {
  readonly operation: string
  readonly since: number
  /** The part of it that is done, from 0 to 1; null where it does not say. */
  part: number | null
}

/** What earlier runs took counts for as much as so many steps of this one. */
const expectationWeight = 3

/** Estimates how long a run goes on, by what its steps are: a step takes what steps of its operation have taken, in this run
 *  and in earlier ones; one whose operation has never run takes what the steps of this run take on average.
 */
export class TimeLeft {
  readonly #options: TimeLeftOptions
  readonly #left = new Map<string, number>()
  readonly #measured = new Map<string, Measured>()
  readonly #running = new Map<Digest, Running>()
  #expected: ReadonlyMap<string, number> | null = null
  /** When the first step that had to be computed began: cached ones say nothing about the time left. */
  #since: number | null = null
  #computed = 0

  constructor(options: TimeLeftOptions) {
    this.#options = options
  }

  /** Begin a run. What steps took in one before it is still known.
   *
   *  @param operations How many steps there are of each.
   */
  planned(operations: ReadonlyMap<string, number>): void {
    this.#left.clear()
    this.#since = null
    this.#expected = null
    this.#computed = 0
    for (const [operation, count] of operations) this.#left.set(operation, count)
  }

  /** @param now On the clock, in seconds; here and below. */
  started({ identity, operation }: Node, now: number): void {
    this.#since ??= now
    this.#expected ??= this.#options.expected(this.#left.keys())
    this.#running.set(identity, { operation: operation.id, since: now, part: null })
  }

  progressed({ identity }: Node, part: number): void {
    const running = this.#running.get(identity)
    if (running !== undefined) running.part = part
  }

  /** @param seconds That computing it took; null where it was cached, failed, or will not be computed. */
  ended({ identity, operation }: Node, seconds: number | null): void {
    this.#running.delete(identity)
    this.#left.set(operation.id, Math.max(0, (this.#left.get(operation.id) ?? 0) - 1))
    if (seconds === null) return
    this.#computed += 1
    const measured = this.#measured.get(operation.id) ?? { count: 0, seconds: 0 }
    measured.count += 1
    measured.seconds += seconds
    this.#measured.set(operation.id, measured)
  }

  /** Steps a second since the first that was computed began, with the parts of those that run; 0 where none is done. */
  rate(now: number): number {
    if (this.#since === null || now <= this.#since) return 0
    const parts = [...this.#running.values()].reduce((sum, { part }) => sum + (part ?? 0), 0)
    return (this.#computed + parts) / (now - this.#since)
  }

  /** @returns Seconds; null where nothing is known. */
  seconds(now: number): number | null {
    const steps = [...this.#left.values()].reduce((sum, count) => sum + count, 0)
    const atOnce = Math.max(1, Math.min(this.#options.slots, steps))
    const rate = this.rate(now)
    const average = rate === 0 ? null : atOnce / rate
    let seconds = 0
    for (const [operation, count] of this.#left) {
      if (count === 0) continue
      const each = this.#secondsOf(operation) ?? average
      if (each === null) return null
      seconds += each * (count - this.#doneOf(operation, each, now))
    }
    return seconds / atOnce
  }

  #secondsOf(operation: string): number | undefined {
    const expected = this.#expected?.get(operation)
    const { count, seconds } = this.#measured.get(operation) ?? { count: 0, seconds: 0 }
    if (expected === undefined) return count === 0 ? undefined : seconds / count
    return (expectationWeight * expected + seconds) / (expectationWeight + count)
  }

  /** What is done of the steps of an operation that run, in steps. One that does not say is done as its time is up. */
  #doneOf(operation: string, each: number, now: number): number {
    let done = 0
    for (const running of this.#running.values()) {
      if (running.operation === operation) done += running.part ?? Math.min(1, (now - running.since) / each || 0)
    }
    return done
  }
}

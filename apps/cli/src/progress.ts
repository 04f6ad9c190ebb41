import { type Digest, expectedSeconds, type Node, type RunEvent } from '@isthmus/dataflow'
import { SingleBar } from 'cli-progress'
import type { Session } from './session.ts'
import { TimeLeft, type TimeLeftOptions } from './time-left.ts'

/** Where progress goes, and whether that is a terminal. */
export interface ProgressStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const plainSeconds = 5
/** Between updates of the bar: a run may have thousands of events a second. */
const barSeconds = 0.1
/** Lines of one kind that are shown; what comes after is not said. */
const linesOfKind = 5

/** Show runs while they go on, one after the other: a bar on a terminal, a line every few seconds elsewhere. What needs saying at once
 *  (damaged blobs, other runs) is a line of its own on both, the first few times.
 */
export class Progress {
  readonly #stream: ProgressStream
  readonly #bar: SingleBar | null
  readonly #timeLeft: TimeLeft
  readonly #running = new Map<Digest, { readonly label: string; done: number; total: number }>()
  readonly #said = new Map<RunEvent['type'], number>()
  #total = 0
  #finished = 0
  #cached = 0
  #failed = 0
  #lastShown = clock()

  /** @param timing Default: one step at once, and nothing is known of what steps take. */
  constructor(
    stream: ProgressStream & NodeJS.WriteStream,
    timing: TimeLeftOptions = { slots: 1, expected: () => new Map() },
  ) {
    this.#stream = stream
    this.#timeLeft = new TimeLeft(timing)
    this.#bar =
      stream.isTTY === true
        ? new SingleBar({
            stream,
            format: '{bar} {value}/{total} steps, {cached} cached, {rate}, {left} left  {doing}',
            hideCursor: true,
            clearOnComplete: true,
            linewrap: false,
          })
        : null
  }

  /** Take notice of what happens in a run. */
  readonly onEvent = (event: RunEvent): void => {
    switch (event.type) {
      case 'planned':
        this.#total = event.total
        this.#finished = this.#cached = this.#failed = 0
        this.#timeLeft.planned(event.operations)
        this.#bar?.start(event.total, 0, this.#payload())
        break
      case 'started':
        this.#timeLeft.started(event.node, clock())
        this.#running.set(event.node.identity, { label: event.node.label, done: 0, total: 0 })
        break
      case 'progress': {
        const { node, done, total } = event
        if (total > 0) this.#timeLeft.progressed(node, done / total)
        Object.assign(this.#running.get(node.identity) ?? {}, { done, total })
        break
      }
      case 'finished':
        if (event.cached) this.#cached++
        this.#end(event.node, event.cached ? null : event.seconds)
        break
      case 'failed':
        this.#failed++
        this.#end(event.node, null)
        break
      case 'skipped':
        this.#timeLeft.ended(event.node, null)
        break
      default:
        this.#say(event)
    }
    this.#show()
  }

  /** How far the last run is. */
  get state() {
    const ran = this.#finished - this.#cached - this.#failed
    const running = [...this.#running.values()].map(({ label }) => label.slice(0, 500)).slice(0, 100)
    const secondsLeft = this.#timeLeft.seconds(clock())
    return { total: this.#total, ran, cached: this.#cached, failed: this.#failed, secondsLeft, running }
  }

  /** Take the bar away. */
  stop(): void {
    this.#bar?.stop()
  }

  #end(node: Node, seconds: number | null): void {
    this.#finished++
    this.#timeLeft.ended(node, seconds)
    this.#running.delete(node.identity)
  }

  #show(): void {
    const now = clock()
    if (now - this.#lastShown < (this.#bar === null ? plainSeconds : barSeconds)) return
    if (this.#bar === null && this.#running.size === 0) return
    this.#lastShown = now
    if (this.#bar !== null) {
      this.#bar.update(this.#finished, this.#payload())
      return
    }
    const { cached, rate, left, doing } = this.#payload()
    this.#stream.write(`${this.#finished}/${this.#total} steps, ${cached} cached, ${rate}, ${left} left: ${doing}\n`)
  }

  #say(event: RunEvent): void {
    const line = describeEvent(event)
    if (line === null) return
    const said = (this.#said.get(event.type) ?? 0) + 1
    this.#said.set(event.type, said)
    if (said > linesOfKind) return
    const whole = said === linesOfKind ? `${line} (more of this kind is not shown)` : line
    this.#stream.write(this.#bar === null ? `${whole}\n` : `\r\u001b[K${whole}\n`)
  }

  #payload() {
    const now = clock()
    const rate = this.#timeLeft.rate(now)
    const left = this.#timeLeft.seconds(now)
    return {
      cached: this.#cached,
      rate: rate >= 1 || rate === 0 ? `${rate.toFixed(1)} steps/s` : `${(1 / rate).toFixed(1)} s a step`,
      left: left === null ? '…' : formatSeconds(left),
      doing: [...this.#running.values()].map(describeRunning).slice(0, 2).join('; '),
    }
  }
}

/** Show on stderr what a session computes. */
export function progressOf({ cache, executor }: Pick<Session, 'cache' | 'executor'>): Progress {
  const expected = (operations: Iterable<string>) => expectedSeconds(operations, { cache })
  return new Progress(process.stderr, { slots: executor.slots, expected })
}

/** Seconds. */
function clock(): number {
  return performance.now() / 1000
}

/** A duration for people: `42 s`, `3 min 05 s`, `1 h 02 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${seconds < 10 ? seconds.toFixed(1) : whole} s`
  const pad = (value: number) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}

function describeRunning({ label, done, total }: { label: string; done: number; total: number }): string {
  return total > 0 ? `${label} (${Math.round((100 * done) / total)} %)` : label
}

function describeEvent(event: RunEvent): string | null {
  const label = (node: Node) => `'${node.label}'`
  switch (event.type) {
    case 'waiting':
      return `another run computes ${label(event.node)}; waiting for it`
    case 'corrupt':
      return `a cached result of ${label(event.node)} is ${event.found} (blob ${event.blob.slice(0, 12)}); computing it again`
    case 'nondeterminism':
      return `${label(event.node)} gave two different results for one key ${event.key.slice(0, 12)}; the first is kept`
    case 'damaged':
      return `records in ${event.path} of the cache are damaged; what they held is computed again where it is needed`
    default:
      return null
  }
}

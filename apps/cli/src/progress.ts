import type { Digest, Node, RunEvent } from '@isthmus/dataflow'
import { SingleBar } from 'cli-progress'

/** Where progress goes, and whether that is a terminal. */
export interface ProgressStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const plainSeconds = 5

/** Show a run while it goes on: a bar on a terminal, a line every few seconds elsewhere. What needs saying at once
 *  (failures, damaged blobs, other runs) is a line of its own on both.
 */
export class Progress {
  readonly #stream: ProgressStream
  readonly #start = performance.now()
  readonly #bar: SingleBar | null
  readonly #running = new Map<Digest, { readonly label: string; done: number; total: number }>()
  #total = 0
  #finished = 0
  #cached = 0
  /** When the first node that had to be computed began: cached ones say nothing about the time left. */
  #computingSince: number | null = null
  #lastLine = 0

  constructor(stream: ProgressStream & NodeJS.WriteStream) {
    this.#stream = stream
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
        this.#bar?.start(event.total, 0, this.#payload())
        break
      case 'started':
        this.#computingSince ??= performance.now()
        this.#running.set(event.node.identity, { label: event.node.label, done: 0, total: 0 })
        break
      case 'progress':
        Object.assign(this.#running.get(event.node.identity) ?? {}, { done: event.done, total: event.total })
        break
      case 'finished':
        this.#finished++
        if (event.cached) this.#cached++
        this.#running.delete(event.node.identity)
        break
      case 'failed':
        this.#finished++
        this.#running.delete(event.node.identity)
        break
      default:
        this.#say(describeEvent(event))
    }
    this.#show()
  }

  /** Take the bar away. */
  stop(): void {
    this.#bar?.stop()
  }

  #show(): void {
    if (this.#bar !== null) {
      this.#bar.update(this.#finished, this.#payload())
      return
    }
    const now = performance.now()
    if (now - Math.max(this.#lastLine, this.#start) < plainSeconds * 1000 || this.#running.size === 0) return
    this.#lastLine = now
    const { cached, rate, left, doing } = this.#payload()
    this.#stream.write(`${this.#finished}/${this.#total} steps, ${cached} cached, ${rate}, ${left} left: ${doing}\n`)
  }

  #say(line: string | null): void {
    if (line !== null) this.#stream.write(this.#bar === null ? `${line}\n` : `\r\u001b[K${line}\n`)
  }

  #payload() {
    const computed = this.#finished - this.#cached
    const partial = [...this.#running.values()].reduce(
      (sum, { done, total }) => sum + (total > 0 ? done / total : 0),
      0,
    )
    const seconds = this.#computingSince === null ? 0 : (performance.now() - this.#computingSince) / 1000
    const rate = seconds > 0 ? (computed + partial) / seconds : 0
    const remaining = this.#total - this.#finished - partial
    return {
      cached: this.#cached,
      rate: rate >= 1 || rate === 0 ? `${rate.toFixed(1)} steps/s` : `${(1 / rate).toFixed(1)} s a step`,
      left: rate > 0 ? formatSeconds(remaining / rate) : '…',
      doing: [...this.#running.values()].map(describeRunning).slice(0, 2).join('; '),
    }
  }
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

import type { VirtualTime } from './virtual-time.ts'

/** What a station came to. */
export interface StationUse {
  readonly name: string
  readonly visits: number
  /** Seconds of work, of all its servers. */
  readonly busy: number
  /** Of the time that there was, from 0 to 1. */
  readonly utilisation: number
  /** Seconds that a visit waited, on average and at most. */
  readonly meanWait: number
  readonly maximumWait: number
}

/** Something that serves one visitor after the other, first come, first served: a process, a disk, a line. */
export class Station {
  readonly name: string
  readonly #time: VirtualTime
  #freeAt = 0
  #visits = 0
  #busy = 0
  #waited = 0
  #longest = 0

  constructor(time: VirtualTime, name: string) {
    this.#time = time
    this.name = name
  }

  /** Be served.
   *
   *  @param seconds That it takes once it is one’s turn.
   */
  use(seconds: number): Promise<void> {
    const start = Math.max(this.#time.now, this.#freeAt)
    const wait = start - this.#time.now
    this.#freeAt = start + seconds
    this.#visits += 1
    this.#busy += seconds
    this.#waited += wait
    this.#longest = Math.max(this.#longest, wait)
    return this.#time.sleep(this.#freeAt - this.#time.now)
  }

  summary(): StationUse {
    const visits = Math.max(1, this.#visits)
    return {
      ...{ name: this.name, visits: this.#visits, busy: this.#busy, utilisation: this.#busy / this.#time.now },
      ...{ meanWait: this.#waited / visits, maximumWait: this.#longest },
    }
  }
}

/** Something that serves all visitors at once, each as fast as any: a bucket of a large store. */
export class Depot {
  readonly #time: VirtualTime
  #busy = 0

  constructor(time: VirtualTime) {
    this.#time = time
  }

  /** Be served, for some seconds. */
  use(seconds: number): Promise<void> {
    this.#busy += seconds
    return this.#time.sleep(seconds)
  }

  /** Visitors that it had at once, on average. */
  get meanVisitors(): number {
    return this.#busy / this.#time.now
  }
}

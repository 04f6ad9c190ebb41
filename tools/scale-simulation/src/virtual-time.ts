import { setImmediate as nextTurn } from 'node:timers/promises'
import TinyQueue from 'tinyqueue'

interface Sleeper {
  readonly at: number
  readonly serial: number
  readonly wake: () => void
}

/** Turns of the real event loop without anything new, after which what goes on in it is taken to wait for the clock. */
const idleTurns = 3

/** A clock that stands still while anything happens and then jumps to what is next, for code that knows of no clock. */
export class VirtualTime {
  readonly #sleepers = new TinyQueue<Sleeper>([], (a, b) => a.at - b.at || a.serial - b.serial)
  #serial = 0
  #now = 0

  /** Seconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** @param seconds At least 0. */
  sleep(seconds: number): Promise<void> {
    this.#serial += 1
    const serial = this.#serial
    return new Promise((wake) => this.#sleepers.push({ at: this.#now + seconds, serial, wake }))
  }

  /** Let time pass until a promise is settled.
   *
   *  @throws {Error} when everything waits, and nothing for the clock.
   */
  async runUntil<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    promise.then(settle, settle)
    while (!isSettled) {
      await this.#idle()
      if (isSettled) break
      const next = this.#sleepers.pop()
      if (next === undefined) throw new Error('Everything waits, and nothing for the clock.')
      this.#now = next.at
      next.wake()
      while (this.#sleepers.peek()?.at === this.#now) this.#sleepers.pop()!.wake()
    }
    return promise
  }

  /** Wait until nothing begins to sleep any more. */
  async #idle(): Promise<void> {
    for (let turns = 0; turns < idleTurns; turns++) {
      const before = this.#serial
      await nextTurn()
      if (this.#serial !== before) turns = -1
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'

interface Waiting<Item> {
  readonly item: Item
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Of the time that a write took, how often it is waited for more items before the next, and how long at most. */
const [pauseTimes, longestPauseMilliseconds] = [3, 100]

/** Writes items, all that came since the last were written in one go: a transaction takes much longer than an item, so that it is
 *  rested between two, and the processor is not taken by many small ones. Who comes after a rest does not wait.
 */
export class Batches<Item> {
  readonly #write: (items: readonly Item[]) => Promise<void>
  #waiting: Waiting<Item>[] = []
  #working = false
  #restsUntil = 0

  /** @param write Writes items durably, all or none. */
  constructor(write: (items: readonly Item[]) => Promise<void>) {
    this.#write = write
  }

  /** @returns Once the item is durable.
   *  @throws what writing it, with the others of its moment, threw.
   */
  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#working) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#working = true
    while (this.#waiting.length > 0) {
      const rest = this.#restsUntil - performance.now()
      if (rest > 0) await sleep(rest)
      const batch = this.#waiting
      this.#waiting = []
      const start = performance.now()
      try {
        await this.#write(batch.map(({ item }) => item))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      const end = performance.now()
      this.#restsUntil = end + Math.min(pauseTimes * (end - start), longestPauseMilliseconds)
    }
    this.#working = false
  }
}

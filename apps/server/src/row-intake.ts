import { concatenateRows, type ResultRows, type Results } from '@isthmus/results'

interface Waiting {
  readonly rows: ResultRows
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Puts rows into the results, all that came while the last were put in one transaction: a transaction takes much longer
 *  than a row.
 */
export class RowIntake {
  readonly #results: Results
  #waiting: Waiting[] = []
  #working = false

  constructor(results: Results) {
    this.#results = results
  }

  /** @param rows As `checkRows` has found them good.
   *  @returns Once they are durable.
   *  @throws {UserError} when the file cannot be written.
   */
  take(rows: ResultRows): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rows, resolve, reject })
      if (!this.#working) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#working = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#results.ingest(concatenateRows(batch.map(({ rows }) => rows)))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#working = false
  }
}

import type { PhaseName, Seconds } from './side.ts'

/** Adds up what this process spends on each phase. */
export class PhaseClock {
  readonly #phases = new Map<PhaseName, Seconds>()

  get phases(): Partial<Record<PhaseName, Seconds>> {
    return Object.fromEntries(this.#phases)
  }

  async time<Result>(name: PhaseName, work: () => Result | Promise<Result>): Promise<Result> {
    const [processor, wall] = [process.cpuUsage(), performance.now()]
    const result = await work()
    const { user, system } = process.cpuUsage(processor)
    const earlier = this.#phases.get(name) ?? { processor: 0, wall: 0 }
    this.#phases.set(name, {
      processor: earlier.processor + (user + system) / 1e6,
      wall: earlier.wall + (performance.now() - wall) / 1e3,
    })
    return result
  }
}

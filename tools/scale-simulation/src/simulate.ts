import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCache, run } from '@isthmus/dataflow'
import type { Costs } from './costs.ts'
import { type LabReport, type LabShape, SimulatedLab } from './simulated-lab.ts'
import { nodesOfVariant, type SweepShape, sweepTargets } from './sweep.ts'

/** What a run in a simulated lab came to. */
export interface Simulation extends LabReport {
  readonly nodes: number
  /** Real seconds, and real memory at the end, of the process that ran it: planning, keys, the order of work. */
  readonly realSeconds: number
  readonly realBytes: number
}

/** Run a sweep of about so many nodes, by the real dataflow, on a simulated lab. */
export async function simulate(costs: Costs, lab: LabShape, sweep: SweepShape, nodes: number): Promise<Simulation> {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-simulation-'))
  const executor = new SimulatedLab(costs, lab)
  const start = performance.now()
  try {
    const cache = await openCache(folder, { tier: executor.tier })
    const targets = sweepTargets(sweep, Math.max(1, Math.round(nodes / nodesOfVariant(sweep))))
    const { counts, failures } = await executor.time.runUntil(run(targets, { cache, executor }))
    if (failures.length > 0) throw failures[0]!.error
    const realSeconds = (performance.now() - start) / 1000
    cache.close()
    return { ...executor.report(), nodes: counts.total, realSeconds, realBytes: process.memoryUsage.rss() }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

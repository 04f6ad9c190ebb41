import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Costs, costsSchema } from '../src/costs.ts'
import { simulate } from '../src/simulate.ts'
import type { LabShape } from '../src/simulated-lab.ts'
import { Station } from '../src/station.ts'
import { nodesOfVariant, operationNames, sweepTargets } from '../src/sweep.ts'
import { VirtualTime } from '../src/virtual-time.ts'

const sweep = { models: 3, methods: 2, lambdas: 5 }
const lab: LabShape = {
  ...{ machines: 4, slots: 2, window: 64, bandwidth: 1e9, latency: 0, machineCacheBytes: 1e12, seed: 1 },
}

/** Costs of nothing, but a second for each node. */
function free(): Costs {
  const server = {
    publish: 0,
    lookupRequest: 0,
    lookupKey: 0,
    blobPut: 0,
    blobPutByte: 0,
    blobGet: 0,
    blobGetByte: 0,
    row: 0,
    transferRequest: 0,
    transferBlob: 0,
    bucketLook: 0,
  }
  const operations = Object.fromEntries(operationNames.map((name) => [name, { seconds: [1], blobBytes: [] }]))
  return { machine: 'none', server, queueJob: 0, runNode: 0, runJob: 0, operations }
}

describe('virtual time', () => {
  it('wakes sleepers in the order of their times, whatever the order in which they fell asleep', async () => {
    const time = new VirtualTime()
    const woken: [string, number][] = []
    const sleeper = async (name: string, ...naps: readonly number[]) => {
      for (const seconds of naps) {
        await time.sleep(seconds)
        woken.push([name, time.now])
      }
    }
    await time.runUntil(Promise.all([sleeper('a', 3000, 1000), sleeper('b', 1000, 2500), sleeper('c', 1000)]))
    expect(woken).toEqual([
      ['b', 1000],
      ['c', 1000],
      ['a', 3000],
      ['b', 3500],
      ['a', 4000],
    ])
  })

  it('says when everything waits for something that will not come', async () => {
    await expect(new VirtualTime().runUntil(new Promise(() => undefined))).rejects.toThrow('nothing for the clock')
  })
})

it('serves first come, first served, and counts what was waited', async () => {
  const time = new VirtualTime()
  const station = new Station(time, 'desk')
  const visit = async (at: number, seconds: number) => {
    await time.sleep(at)
    await station.use(seconds)
    return time.now
  }
  // The second waits 2 s, the third 4 s, the fourth finds it free.
  const ends = await time.runUntil(Promise.all([visit(0, 3), visit(1, 3), visit(2, 1), visit(10, 1)]))
  expect(ends).toEqual([3, 6, 7, 11])
  expect(station.summary()).toEqual({
    ...{ name: 'desk', visits: 4, busy: 8, utilisation: 8 / 11, meanWait: 6 / 4, maximumWait: 4 },
  })
})

describe('a simulated lab', () => {
  it('does every node once, and as fast as its slots and the order of work allow where nothing else costs', async () => {
    const report = await simulate(free(), lab, sweep, 40 * nodesOfVariant(sweep))
    const nodes = 40 * nodesOfVariant(sweep)
    expect(report).toMatchObject({ nodes, jobs: nodes })
    expect(report.seconds).toBeGreaterThanOrEqual(nodes / 8)
    expect(report.seconds).toBeLessThan(nodes / 8 + 10)
    expect(report.computing).toBeCloseTo(nodes / 8 / report.seconds, 9)
  })

  it('takes the time of what is slowest', async () => {
    const costs = free()
    const slow = { ...costs, server: { ...costs.server, publish: 1 } }
    const report = await simulate(slow, { ...lab, machines: 100 }, sweep, 500)
    expect(report.seconds).toBeGreaterThanOrEqual(report.nodes)
    expect(report.seconds).toBeLessThan(1.1 * report.nodes)
    expect(report.stations[0]!.utilisation).toBeGreaterThan(0.9)
  })

  it('moves each blob to each machine once', async () => {
    const costs = free()
    const operations = { ...costs.operations, 'activations.capture': { seconds: [1], blobBytes: [1000] } }
    const one = await simulate({ ...costs, operations }, { ...lab, machines: 1 }, sweep, 1)
    expect([one.bytesGiven, one.bytesTaken]).toEqual([3000, 0])
    const many = await simulate({ ...costs, operations }, { ...lab, machines: 50, slots: 1 }, sweep, 1)
    expect(many.bytesTaken).toBeGreaterThan(0)
    expect(many.bytesTaken).toBeLessThanOrEqual(6000)
  })

  it('moves blobs past its server where they are in a bucket', async () => {
    const costs = free()
    const operations = { ...costs.operations, 'activations.capture': { seconds: [1], blobBytes: [1e9] } }
    const server = { ...costs.server, blobPutByte: 1e-7, blobGetByte: 1e-7, transferRequest: 0.01 }
    const slow = { ...costs, operations, server }
    const shape = { ...lab, machines: 50, slots: 1 }
    const through = await simulate(slow, shape, sweep, 1)
    const past = await simulate(slow, { ...shape, bucket: { bandwidth: 1e8, delay: 0 } }, sweep, 1)
    const use = (report: typeof past, name: string) => report.stations.find((station) => station.name === name)!
    expect(use(through, 'server, line').busy).toBeGreaterThan(3)
    expect(use(past, 'server, line').busy).toBe(0)
    expect(use(past, 'server, processor').busy).toBeLessThan(0.2)
    expect([past.bytesGiven, past.bytesTaken > 0]).toEqual([3e9, true])
    // Text, features and their way to the bucket, features’ way from it, all pairs at once, alignment, loss.
    expect(past.seconds).toBeCloseTo(1 + 1 + 10 + 10 + 1 + 1 + 1, 0)
    expect(past.bucketConnections).toBeCloseTo((past.bytesGiven + past.bytesTaken) / 1e8 / past.seconds, 6)
  })

  it('comes to the same each time', async () => {
    const costs = costsSchema.parse(
      JSON.parse(readFileSync(join(import.meta.dirname, '../measured-costs.json'), 'utf8')),
    )
    const reports = []
    for (let time = 0; time < 2; time++) {
      const { realSeconds: _seconds, realBytes: _bytes, ...report } = await simulate(costs, lab, sweep, 300)
      reports.push(report)
    }
    expect(reports[0]).toEqual(reports[1])
  })
})

it('counts the nodes of a sweep', () => {
  const targets = sweepTargets(sweep, 2)
  const nodes = new Set<unknown>()
  const visit = (node: (typeof targets)[number]) => {
    nodes.add(node.identity)
    for (const input of Object.values(node.inputs).flat()) if (input.kind === 'node') visit(input)
  }
  targets.forEach(visit)
  expect(nodes.size).toBe(2 * nodesOfVariant(sweep))
})

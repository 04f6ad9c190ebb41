import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Table from 'cli-table3'
import { Command } from 'commander'
import { costsSchema } from './costs.ts'
import { machineName, measureOperations, measureServer } from './measure.ts'
import { type Simulation, simulate } from './simulate.ts'

const measured = join(import.meta.dirname, '../measured-costs.json')
const number = (given: string) => {
  const value = Number(given)
  if (value > 0) return value
  throw new Error(`${given} is no number above 0`)
}

const program = new Command('scale-simulation').description(
  'What sweeps over many machines ask of a lab’s server, queue and line, by costs that were measured here.',
)

program
  .command('measure')
  .description(`measure what a server takes, and what the steps of a cache took, into ${measured}`)
  .option('--cache <folder>', 'of a home in which attention-heads was run (default: steps take what they took before)')
  .action(async ({ cache }: { cache?: string }) => {
    const before = costsSchema.omit({ server: true }).parse(JSON.parse(readFileSync(measured, 'utf8')))
    const costs = {
      ...before,
      machine: machineName(),
      server: await measureServer(),
      operations: cache === undefined ? before.operations : await measureOperations(cache),
    }
    writeFileSync(measured, `${JSON.stringify(costsSchema.parse(costs), null, 1)}\n`)
    console.log(JSON.stringify({ machine: costs.machine, server: costs.server }, null, 2))
  })

program
  .command('run', { isDefault: true })
  .description('run a sweep in a lab of each size, in virtual time, and say what is busy')
  .option('--machines <numbers>', 'of the lab, separated by commas', '10,100,1000')
  .option('--slots <number>', 'jobs that a machine runs at once', number, 2)
  .option('--nodes <number>', 'of the sweep, about', number, 100_000)
  .option('--gigabits <number>', 'of the server’s line, a second', number, 10)
  .option('--latency <milliseconds>', 'for a message to get across', number, 0.2)
  .option('--bucket', 'blobs are in a bucket, to which machines go by themselves')
  .option('--bucket-bandwidth <megabytes>', 'of one connection to it, a second', number, 90)
  .option('--bucket-delay <milliseconds>', 'until it begins to give or take', number, 50)
  .option('--window <number>', 'jobs that the run hands out at once (default: four for each slot)', number)
  .option('--seed <number>', 'of the draws of costs', number, 1)
  .action(async (options) => {
    const costs = costsSchema.parse(JSON.parse(readFileSync(measured, 'utf8')))
    console.log(`costs: ${costs.machine}`)
    const table = new Table({ style: { head: [], border: [] } })
    const percent = (part: number) => `${(100 * part).toFixed(0)} %`
    let stations: readonly string[] = []
    for (const machines of String(options.machines).split(',').map(number)) {
      const { slots, gigabits, latency, seed, nodes, window = 4 * machines * slots } = options
      const shape = { machines, slots, window, bandwidth: (gigabits * 1e9) / 8, latency: latency / 1000, seed }
      const bucket = { bandwidth: options.bucketBandwidth * 1e6, delay: options.bucketDelay / 1000 }
      const report = await simulate(
        costs,
        { ...shape, machineCacheBytes: 50e9, ...(options.bucket ? { bucket } : {}) },
        { models: 5, methods: 6, lambdas: 21 },
        nodes,
      )
      if (stations.length === 0) {
        stations = report.stations.map(({ name }) => name)
        table.push(['machines', 'steps', 'hours', 'steps/s', 'computing', ...stations, 'bucket', 'run, real'])
      }
      table.push([
        machines,
        report.nodes,
        (report.seconds / 3600).toFixed(2),
        (report.nodes / report.seconds).toFixed(0),
        percent(report.computing),
        ...report.stations.map(
          ({ utilisation, meanWait }) => `${percent(utilisation)}, waits ${meanWait.toFixed(2)} s`,
        ),
        options.bucket ? bucketUse(report) : '',
        `${report.realSeconds.toFixed(0)} s, ${(report.realBytes / 1e9).toFixed(1)} GB`,
      ])
    }
    console.log(table.toString())
  })

function bucketUse({ bucketConnections, bytesGiven, bytesTaken, seconds }: Simulation): string {
  return `${bucketConnections.toFixed(1)} at once, ${((8 * (bytesGiven + bytesTaken)) / seconds / 1e9).toFixed(1)} Gbit/s`
}

await program.parseAsync()

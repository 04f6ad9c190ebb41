import { pino } from 'pino'
import { startServer } from '../../src/index.ts'

/** A server of a home folder, which leaves a part of the disk to itself; says where it answers, and ends with its parent. */
const [home, workerModule, sparedBytes] = process.argv.slice(2) as [string, string, string]
const server = await startServer({
  ...{ home, version: '0.0.0', port: 0, log: pino(pino.destination(2)), sparedBytes: Number(sparedBytes) },
  queries: { workerModule },
})
process.stdout.write(`${server.url}\n`)
process.stdin.resume().once('end', () => void server.stop())

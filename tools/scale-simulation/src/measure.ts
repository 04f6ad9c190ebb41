import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ActionRecord, artifactDigest, type Digest, nodeKey, openCache } from '@isthmus/dataflow'
import { ServerClient } from '@isthmus/remote'
import type { ResultRows } from '@isthmus/results'
import type { Costs } from './costs.ts'
import { startServer } from './server-process.ts'
import { operationNames } from './sweep.ts'

const [records, atOnce, smallBlobs, largeBlobs, largeBytes] = [3000, 64, 500, 6, 32 * 2 ** 20]
const [rowsAtOnce, bundles] = [5000, 10]
const sampledRecords = 500

/** Measure what a server of this version takes for each kind of request, in seconds of its process, on this machine. */
export async function measureServer(): Promise<Costs['server']> {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-scale-'))
  const server = await startServer(join(folder, 'home'))
  try {
    const client = new ServerClient({ url: server.url, isthmus: '0.0.0' })
    const spend = async (times: number, task: (index: number) => Promise<unknown>, width = atOnce) => {
      const before = await processorSeconds(server.url)
      await atOnceDo(times, width, task)
      return ((await processorSeconds(server.url)) - before) / times
    }
    const given = Array.from({ length: records }, (_, index) => recordOf(index))
    // The first requests compile.
    await atOnceDo(500, atOnce, (index) => client.publish(recordOf(-1 - index)))
    const publish = await spend(records, (index) => client.publish(given[index]!))
    const lookupOne = await spend(records, (index) => client.lookup([given[index]!.key]))
    const many = await spend(20, () => client.lookup(given.slice(0, 1000).map(({ key }) => key)), 1)
    const lookupKey = (many - lookupOne) / 999
    const small = blobFiles(folder, smallBlobs, 1000)
    const large = blobFiles(folder, largeBlobs, largeBytes)
    const blobPut = await spend(smallBlobs, (index) => client.upload(small[index]!.blob, small[index]!.path))
    const putLarge = await spend(largeBlobs, (index) => client.upload(large[index]!.blob, large[index]!.path), 1)
    const get = (blob: Digest) => client.fetch(blob, join(folder, `got-${blob}`))
    const blobGet = await spend(smallBlobs, (index) => get(small[index]!.blob))
    const getLarge = await spend(largeBlobs, (index) => get(large[index]!.blob), 1)
    const row = (await spend(bundles, (index) => client.sendRows(rowsOf(index)), 1)) / rowsAtOnce
    return {
      ...{ publish, lookupRequest: lookupOne - lookupKey, lookupKey, row },
      ...{ blobPut, blobPutByte: (putLarge - blobPut) / largeBytes },
      ...{ blobGet, blobGetByte: (getLarge - blobGet) / largeBytes },
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What nodes took and wrote, of the operations of a sweep, by the records of a cache.
 *
 *  @throws {Error} naming an operation of which there is no record.
 */
export async function measureOperations(directory: string): Promise<Costs['operations']> {
  const cache = await openCache(directory, { readOnly: true })
  const all = [...cache.records()]
  const operations: Costs['operations'] = {}
  for (const name of operationNames) {
    const own = all.filter(({ operation }) => operation === name).slice(0, sampledRecords)
    const [first] = own
    if (first === undefined) throw new Error(`${directory} has no record of ${name}: run attention-heads there first.`)
    const sizes: number[] = []
    for (const blob of Object.values(first.output.blobs)) sizes.push((await stat(cache.blobs.locate(blob))).size)
    operations[name] = { seconds: own.map(({ seconds }) => Number(seconds.toFixed(4))), blobBytes: sizes }
  }
  return operations
}

/** For people, to know which machine numbers are of. */
export function machineName(): string {
  const [cpu] = cpus()
  return `${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, Node ${process.versions.node}`
}

async function processorSeconds(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(text)![1])
}

async function atOnceDo(times: number, width: number, task: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < times) await task(next++)
  }
  await Promise.all(Array.from({ length: width }, work))
}

/** Like that of a loss: a value of some fields, and two inputs. */
function recordOf(index: number): ActionRecord {
  const [operation, params, value] = ['measure.loss', { index, lambda: 0.5 }, { loss: index, positions: 9000 }]
  const inputs = { alignment: digestOf(`alignment ${index}`), text: digestOf('text') }
  return {
    ...{ key: nodeKey(operation, 1, params, inputs), operation, version: 1, params, inputs },
    output: { digest: artifactDigest(value, {}), value, blobs: {} },
    ...{ seconds: 1.3, peakMemoryBytes: 5e8, createdAt: new Date().toISOString() },
  }
}

function rowsOf(index: number): ResultRows {
  const place = { study: `study ${index}`, run: 'run', variant: '', settings: {}, modelA: 'A', modelB: 'B' }
  return {
    studyRuns: [
      {
        ...{ study: place.study, run: 'run', startedAt: new Date(0).toISOString(), finishedAt: null, settings: [] },
        ...{ nodesRan: 1, nodesCached: 0, nodesFailed: 0, seconds: null, version: '0.0.0' },
      },
    ],
    curvePoints: Array.from({ length: rowsAtOnce - 1 }, (_, i) => ({
      ...{ ...place, pair: `pair ${Math.floor(i / 21)}`, method: 'vanilla', lam: (i % 21) / 20 },
      ...{ loss: 4, perplexity: 50, positions: 9000, digest: digestOf(String(i)) },
    })),
  }
}

function blobFiles(folder: string, count: number, bytes: number): { blob: Digest; path: string }[] {
  return Array.from({ length: count }, (_, index) => {
    const content = randomBytes(bytes)
    const path = join(folder, `${bytes}-${index}`)
    writeFileSync(path, content)
    return { blob: digestOf(content), path }
  })
}

function digestOf(content: Uint8Array | string): Digest {
  return createHash('sha256').update(content).digest('hex') as Digest
}

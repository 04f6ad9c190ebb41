import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ActionRecord, artifactDigest, type Digest, nodeKey, openCache } from '@isthmus/dataflow'
import { ServerClient } from '@isthmus/remote'
import type { ResultRows } from '@isthmus/results'
import { loopbackCredentials, startLoopbackS3 } from '@isthmus/storage/loopback-s3'
import type { Costs } from './costs.ts'
import { type Bucket, startServer } from './server-process.ts'
import { operationNames } from './sweep.ts'

const [records, atOnce, smallBlobs, largeBlobs, largeBytes] = [6000, 64, 600, 6, 32 * 2 ** 20]
const [rowsAtOnce, bundles] = [5000, 10]
const transfers = 3000
const rounds = 3
const sampledRecords = 500

/** Measure what a server of this version takes for each kind of request, in seconds of its process, on this machine. */
export async function measureServer(): Promise<Costs['server']> {
  const own = await withServer(undefined, measureRequests)
  const s3 = await startLoopbackS3()
  const environment = {
    ...{ AWS_ENDPOINT_URL: s3.endpoint, AWS_REGION: 'us-east-1' },
    ...{ AWS_ACCESS_KEY_ID: loopbackCredentials.accessKeyId },
    ...{ AWS_SECRET_ACCESS_KEY: loopbackCredentials.secretAccessKey },
  }
  try {
    return { ...own, ...(await withServer({ address: 's3://lab', environment }, measureTransfers)) }
  } finally {
    s3.close()
  }
}

/** A server that is measured. */
interface Measured {
  readonly client: ServerClient
  readonly url: string
  /** Where files may be left. */
  readonly folder: string
  /** Seconds of the server’s processor for each of so many tasks: of the third of them that took least, since whatever else goes
   *  on, and code that is not compiled yet, only adds.
   */
  spend(times: number, task: (index: number) => Promise<unknown>, width?: number): Promise<number>
}

async function withServer<Result>(bucket: Bucket | undefined, measure: (measured: Measured) => Promise<Result>) {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-scale-'))
  const server = await startServer(join(folder, 'home'), bucket)
  try {
    const { url } = server
    const client = new ServerClient({ url, isthmus: '0.0.0' })
    const spend: Measured['spend'] = async (times, task, width = atOnce) => {
      const share = Math.ceil(times / rounds)
      const taken: number[] = []
      for (let start = 0; start < times; start += share) {
        const tasks = Math.min(share, times - start)
        const before = await processorSeconds(url)
        await atOnceDo(tasks, width, (index) => task(start + index))
        taken.push(((await processorSeconds(url)) - before) / tasks)
      }
      return Math.min(...taken)
    }
    // The first requests compile.
    await atOnceDo(500, atOnce, (index) => client.publish(recordOf(-1 - index)))
    return await measure({ client, url, folder, spend })
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureRequests({ client, folder, spend }: Measured) {
  const given = Array.from({ length: records }, (_, index) => recordOf(index))
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
}

async function measureTransfers({ client, url, spend }: Measured) {
  const blobs = Array.from({ length: transfers }, (_, index) => digestOf(`blob ${index}`))
  const ask = async (digests: readonly Digest[]) => {
    const body = JSON.stringify({ blobs: digests })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/v1/blobs/downloads`, { method: 'POST', headers, body })
    const answer = (await response.json()) as { transfers: unknown[] }
    if (answer.transfers.length !== digests.length) throw new Error('The server gives no addresses of its bucket.')
  }
  const one = await spend(transfers, (index) => ask([blobs[index]!]))
  const many = await spend(20, () => ask(blobs.slice(0, 1000)), 1)
  const transferBlob = (many - one) / 999
  const looked = await spend(20, () => client.missing(blobs.slice(0, 1000)), 1)
  return { transferRequest: one - transferBlob, transferBlob, bucketLook: looked / 1000 }
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

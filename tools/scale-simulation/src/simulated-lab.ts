import { createHash } from 'node:crypto'
import {
  type ActionRecord,
  type CacheTier,
  cachedBlobs,
  type Digest,
  type Executor,
  type Job,
  type JobResult,
} from '@isthmus/dataflow'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Costs } from './costs.ts'
import { Depot, Station, type StationUse } from './station.ts'
import { VirtualTime } from './virtual-time.ts'

/** A bucket to which machines go by themselves. As many as there are do so at once, and none slows another. */
export interface BucketShape {
  /** Of one connection, in bytes a second. */
  readonly bandwidth: number
  /** Seconds until it begins to give or take. */
  readonly delay: number
}

/** The lab that is simulated. */
export interface LabShape {
  readonly machines: number
  /** Jobs that one of them runs at once. */
  readonly slots: number
  /** Jobs that the run hands out at once. */
  readonly window: number
  /** Of the server’s line, in bytes a second. */
  readonly bandwidth: number
  /** Seconds for a message to get across. */
  readonly latency: number
  /** Bytes of blobs that a machine keeps beside those of the job that it runs. */
  readonly machineCacheBytes: number
  /** Where blobs are, if not on the server’s disk. */
  readonly bucket?: BucketShape
  readonly seed: number
}

/** What a simulation came to. */
export interface LabReport {
  readonly seconds: number
  readonly jobs: number
  /** Of the machines’ slots, from 0 to 1: the time in which they computed. */
  readonly computing: number
  readonly stations: readonly StationUse[]
  readonly bytesTaken: number
  readonly bytesGiven: number
  /** Connections to the bucket at once, on average. */
  readonly bucketConnections: number
}

interface Machine {
  /** Blobs that it has, the least recently used first, with their sizes. */
  readonly blobs: Map<Digest, number>
  bytes: number
}

/** An executor that computes nothing: jobs take the time that measured ones took, on machines, a server, a queue and a
 *  line that serve one after the other, in virtual time.
 */
export class SimulatedLab implements Executor {
  readonly isRemote = true
  readonly slots: number
  readonly time = new VirtualTime()
  readonly tier: CacheTier
  readonly #costs: Costs
  readonly #shape: LabShape
  readonly #random: ReturnType<typeof xoroshiro128plus>
  readonly #server: Station
  readonly #line: Station
  readonly #queue: Station
  readonly #run: Station
  readonly #bucket: Depot
  readonly #free: Machine[]
  readonly #waiting: ((machine: Machine) => void)[] = []
  readonly #sizes = new Map<Digest, number>()
  #computed = 0
  #jobs = 0
  #taken = 0
  #given = 0

  constructor(costs: Costs, shape: LabShape) {
    this.#costs = costs
    this.#shape = shape
    this.slots = shape.window
    this.#random = xoroshiro128plus(shape.seed)
    const station = (name: string) => new Station(this.time, name)
    this.#server = station('server, processor')
    this.#line = station('server, line')
    this.#queue = station('queue')
    this.#run = station('run')
    this.#bucket = new Depot(this.time)
    const machines = Array.from({ length: shape.machines }, (): Machine => ({ blobs: new Map(), bytes: 0 }))
    this.#free = Array.from({ length: shape.slots }, () => machines).flat()
    this.tier = {
      name: 'the simulated server',
      lookup: async (keys) => {
        await this.#request(this.#costs.server.lookupRequest + keys.length * this.#costs.server.lookupKey)
        return new Map<Digest, ActionRecord>()
      },
      fetch: () => Promise.reject(new Error('A simulation has no blobs.')),
    }
  }

  async execute(job: Job): Promise<JobResult> {
    const { runNode, runJob, queueJob, server } = this.#costs
    await this.#run.use(runNode + runJob)
    await this.#queue.use(queueJob / 2)
    const machine = this.#free.pop() ?? (await new Promise<Machine>((resolve) => this.#waiting.push(resolve)))
    await this.#request(server.lookupRequest + server.lookupKey)
    await this.#take(machine, cachedBlobs(job))
    const cost = this.#costs.operations[job.operation]
    if (cost === undefined) throw new Error(`There is no measured cost of ${job.operation}.`)
    const seconds = this.#draw(cost.seconds)
    await this.time.sleep(seconds)
    this.#computed += seconds
    const blobs = await this.#give(machine, job.key, cost.blobBytes)
    const look = cost.blobBytes.length * this.#look
    await this.#request(server.publish + look)
    this.#release(machine)
    await this.#queue.use(queueJob / 2)
    // The run reads the record, of many jobs at once.
    await this.#server.use(server.lookupKey + look)
    this.#jobs += 1
    return { value: Number.parseInt(job.key.slice(0, 12), 16), blobs, seconds }
  }

  async close(): Promise<void> {}

  report(): LabReport {
    const slots = this.#shape.machines * this.#shape.slots
    return {
      seconds: this.time.now,
      jobs: this.#jobs,
      computing: this.#computed / (this.time.now * slots),
      stations: [this.#server, this.#line, this.#queue, this.#run].map((station) => station.summary()),
      bytesTaken: this.#taken,
      bytesGiven: this.#given,
      bucketConnections: this.#bucket.meanVisitors,
    }
  }

  /** What the server takes to see whether a blob is there. */
  get #look(): number {
    return this.#shape.bucket === undefined ? 0 : this.#costs.server.bucketLook
  }

  /** One small request and its answer. */
  async #request(seconds: number): Promise<void> {
    await this.time.sleep(2 * this.#shape.latency)
    await this.#server.use(seconds)
  }

  /** Bring the blobs of a job to a machine, those that it lacks, at once. */
  async #take(machine: Machine, blobs: Iterable<Digest>): Promise<void> {
    const lacking: number[] = []
    for (const blob of blobs) {
      const bytes = this.#sizes.get(blob) ?? 0
      if (machine.blobs.delete(blob)) {
        machine.blobs.set(blob, bytes)
        continue
      }
      this.#keep(machine, blob, bytes)
      this.#taken += bytes
      lacking.push(bytes)
    }
    if (lacking.length === 0) return
    const { blobGet, blobGetByte } = this.#costs.server
    await this.#askForTransfers(lacking.length)
    await Promise.all(lacking.map((bytes) => this.#move(bytes, () => this.#request(blobGet + bytes * blobGetByte))))
  }

  async #give(machine: Machine, key: Digest, sizes: readonly number[]): Promise<Record<string, Digest>> {
    const blobs: Record<string, Digest> = {}
    if (sizes.length === 0) return blobs
    const { blobPut, blobPutByte, lookupRequest } = this.#costs.server
    await this.#request(lookupRequest + sizes.length * this.#look)
    for (const [index, bytes] of sizes.entries()) {
      const blob = createHash('sha256').update(`${key} ${index}`).digest('hex') as Digest
      blobs[String(index)] = blob
      this.#sizes.set(blob, bytes)
      this.#keep(machine, blob, bytes)
      this.#given += bytes
      await this.#askForTransfers(1)
      await this.#move(bytes, () => this.#request(blobPut + bytes * blobPutByte))
    }
    return blobs
  }

  async #askForTransfers(blobs: number): Promise<void> {
    if (this.#shape.bucket === undefined) return
    const { transferRequest, transferBlob } = this.#costs.server
    await this.#request(transferRequest + blobs * transferBlob)
  }

  /** Move a blob between a machine and where blobs are. */
  async #move(bytes: number, throughServer: () => Promise<void>): Promise<void> {
    const { bucket, bandwidth } = this.#shape
    if (bucket !== undefined) return this.#bucket.use(bucket.delay + bytes / bucket.bandwidth)
    await this.#line.use(bytes / bandwidth)
    await throughServer()
  }

  #keep(machine: Machine, blob: Digest, bytes: number): void {
    machine.blobs.set(blob, bytes)
    machine.bytes += bytes
    for (const [oldest, size] of machine.blobs) {
      if (machine.bytes <= this.#shape.machineCacheBytes) break
      machine.blobs.delete(oldest)
      machine.bytes -= size
    }
  }

  #release(machine: Machine): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(machine)
    else next(machine)
  }

  #draw(values: readonly number[]): number {
    return values[uniformInt(this.#random, 0, values.length - 1)]!
  }
}

import { setMaxListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { UserError } from '@isthmus/tensor'
import type { ActionRecord } from './action-log.ts'
import type { InputArtifact, LocatedArtifact } from './artifact.ts'
import type { Cache } from './cache.ts'
import type { Digest } from './digest.ts'
import { CacheWriteError, CorruptBlobError } from './errors.ts'
import { Fifo } from './fifo.ts'
import { actionRecord, cachedBlobs, type Executor, type Job, openArtifact } from './job.ts'
import { flatInputs, mapInputs, type Node, type NodeInput, nodeKey } from './node.ts'
import { countRuns, finishedArtifact, type NodeRun, nodeRuns } from './node-run.ts'
import { countOperations, type GraphPlan, type PlannedNode, planGraph } from './plan-graph.ts'
import type { NodeFailure, RunEvent, RunResult, SkippedNode } from './run-event.ts'

/** How a graph is run. */
export interface RunOptions {
  readonly cache: Cache
  readonly executor: Executor
  /** Interrupts the run: jobs are aborted, what has finished stays. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RunEvent) => void
  /** Called when the run begins, with what tells at any time what it has come to so far. */
  readonly onBegin?: (soFar: () => RunResult) => void
  /** End the run once so many nodes have failed. Default: a failed node fails only what needs it. */
  readonly maximumFailures?: number
  /** End the run once so many nodes have been begun, and have ended, beside those that are cached. Default: all are. */
  readonly limit?: number
}

/** Compute targets and all that they need: from the cache where it is there, else by the executor, in an order in
 *  which inputs come first.
 *
 *  Two runs at once on one cache share the work. What has finished stays, however the run ends.
 *  @returns Also when nodes failed or the run was interrupted; `failures` and `interrupted` say so.
 *  @throws {CacheWriteError} when the cache cannot be written.
 */
export async function run(targets: readonly Node[], options: RunOptions): Promise<RunResult> {
  if (options.executor.isRemote && !options.cache.hasTier) {
    throw new Error('Results of a remote executor are found by the cache’s tier: open the cache with one.')
  }
  return new GraphRun(planGraph(targets), options).execute()
}

/** One key that is being computed, for all nodes that have it. */
interface Claim {
  readonly key: Digest
  readonly nodes: NodeRun[]
  record: ActionRecord | undefined
  /** Whether it was said that another run computes it. */
  isAnnounced: boolean
}

const pollMilliseconds = 100
const turnMilliseconds = 30
/** How often a node may find the blobs of its inputs damaged before it fails. */
const maximumRecoveries = 5

class GraphRun {
  readonly #options: RunOptions
  readonly #cache: Cache
  readonly #plan: GraphPlan
  readonly #nodes: ReadonlyMap<PlannedNode, NodeRun>
  #ready: NodeRun[]
  readonly #queued = new Fifo<Claim>()
  /** What the cache's tier is to be asked for. */
  #unasked: Claim[] = []
  #asking = 0
  readonly #claims = new Map<Digest, Claim>()
  readonly #waiting = new Set<Claim>()
  readonly #abort = new AbortController()
  readonly #failures: NodeFailure[] = []
  readonly #skipped: SkippedNode[] = []
  #unfinished = 0
  #running = 0
  #appending = 0
  #reportedDamage = 0
  #begun = 0
  #stopped = false
  #limited = false
  #fatal: { readonly error: unknown } | undefined
  #wake: () => void = () => undefined
  #poll: NodeJS.Timeout | undefined

  constructor(plan: GraphPlan, options: RunOptions) {
    this.#plan = plan
    this.#options = options
    this.#cache = options.cache
    setMaxListeners(0, this.#abort.signal)
    this.#nodes = nodeRuns(plan)
    this.#ready = [...this.#nodes.values()].filter(({ unmet }) => unmet.size === 0)
    this.#unfinished = plan.nodes.length
  }

  async execute(): Promise<RunResult> {
    const start = performance.now()
    const soFar = () => this.#result((performance.now() - start) / 1000)
    const interrupt = () => this.#stop(this.#options.signal?.reason)
    this.#options.signal?.addEventListener('abort', interrupt, { once: true })
    try {
      if (this.#options.signal?.aborted) interrupt()
      this.#emit({
        type: 'planned',
        total: this.#plan.nodes.length,
        deduplicated: this.#plan.deduplicated,
        operations: countOperations(this.#plan),
      })
      this.#options.onBegin?.(soFar)
      this.#cache.refresh()
      this.#reportDamage()
      await this.#work()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#options.signal?.removeEventListener('abort', interrupt)
      clearTimeout(this.#poll)
      await this.#settle()
    }
    if (this.#fatal) throw this.#fatal.error
    return soFar()
  }

  async #work(): Promise<void> {
    let turnStart = performance.now()
    while (this.#unfinished > 0 && !this.#stopped) {
      this.#resolveReady(turnStart + turnMilliseconds)
      this.#askTier()
      while (this.#queued.length > 0 && this.#running < this.#options.executor.slots && this.#mayBegin()) {
        this.#start(this.#queued.shift()!)
      }
      if (performance.now() - turnStart > turnMilliseconds) {
        await nextTurn()
        turnStart = performance.now()
      } else if (this.#ready.length === 0 && !this.#endAtLimit()) {
        await this.#change()
      }
    }
  }

  #mayBegin(): boolean {
    return !this.#stopped && this.#begun < (this.#options.limit ?? Infinity)
  }

  /** End the run where no more may be begun, and what was has ended. */
  #endAtLimit(): boolean {
    this.#limited = !this.#stopped && !this.#mayBegin() && this.#running === 0 && this.#appending === 0
    if (this.#limited) this.#stopped = true
    return this.#limited
  }

  /** Wait until a job has ended, records are durable, or another run has done something. */
  #change(): Promise<void> {
    if (this.#unfinished === 0 || this.#stopped) return Promise.resolve()
    if (this.#running === 0 && this.#queued.length === 0 && this.#asking === 0) {
      this.#cache.actions.hurry()
      if (this.#appending === 0 && this.#waiting.size === 0) {
        throw new Error(`${this.#unfinished} nodes wait for something that nobody does.`)
      }
    }
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** Let jobs and appends that are under way end. */
  async #settle(): Promise<void> {
    while (this.#running > 0 || this.#appending > 0 || this.#asking > 0) {
      this.#cache.actions.hurry()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Look up what has all its inputs, until a moment on the clock. */
  #resolveReady(until: number): void {
    let next = 0
    while (next < this.#ready.length && !this.#stopped) {
      this.#resolve(this.#ready[next]!)
      next += 1
      if (next % 64 === 0 && performance.now() > until) break
    }
    this.#ready = this.#ready.slice(next)
  }

  #resolve(state: NodeRun): void {
    const { operation, params, inputs } = state.node
    const digests = mapInputs(inputs, (input) => this.#artifactOf(input).digest)
    const key = nodeKey(operation.id, operation.version, params, digests)
    const claim = this.#claims.get(key)
    if (claim !== undefined && (claim.record === undefined || this.#cache.isComplete(claim.record))) {
      claim.nodes.push(state)
      if (claim.record) this.#compute(state, claim.record, true)
      return
    }
    const record = this.#cache.lookup(key)
    if (record !== undefined) {
      this.#compute(state, record, true)
      this.#finish(state, record)
    } else if (this.#cache.readOnly) {
      const message =
        `The cache ${this.#cache.directory} was opened to be read only and does not hold '${state.node.label}': ` +
        'run with a cache that can be written.'
      this.#failNode(state, new UserError(message))
    } else {
      const fresh: Claim = { key, nodes: [state], record: undefined, isAnnounced: false }
      this.#claims.set(key, fresh)
      if (this.#cache.hasTier) this.#unasked.push(fresh)
      else this.#queued.push(fresh)
    }
  }

  /** Ask the tier at once for all that came up since it was asked last; what it has is finished, the rest is queued. */
  #askTier(): void {
    const claims = this.#unasked
    if (claims.length === 0) return
    this.#unasked = []
    this.#asking += 1
    this.#cache
      .ask(claims.map(({ key }) => key))
      .then(() => {
        for (const claim of claims) {
          const record = this.#cache.lookup(claim.key)
          if (record === undefined) {
            this.#queued.push(claim)
          } else {
            this.#forget(claim)
            this.#close(claim, record)
          }
        }
      })
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#asking -= 1
        this.#wake()
      })
  }

  /** Run a claim, unless another process does or did so. */
  #start(claim: Claim): void {
    const { node } = claim.nodes[0]!
    const holder = this.#cache.leases.acquire(claim.key)
    if (holder !== undefined) {
      if (!claim.isAnnounced) this.#emit({ type: 'waiting', node, key: claim.key, holder })
      claim.isAnnounced = true
      this.#waiting.add(claim)
      this.#poll ??= setTimeout(() => this.#guard(() => this.#pollWaiting()), pollMilliseconds)
      return
    }
    this.#cache.refresh({ relist: claim.isAnnounced })
    const record = this.#cache.lookup(claim.key)
    if (record !== undefined) {
      this.#release(claim)
      this.#close(claim, record)
      return
    }
    this.#running += 1
    this.#begun += 1
    this.#emit({ type: 'started', node, key: claim.key })
    this.#execute(claim).catch((error) => this.#fail(error))
  }

  /** See what other processes have finished or given up of what this run waits for. */
  #pollWaiting(): void {
    this.#poll = undefined
    this.#cache.refresh()
    for (const claim of this.#waiting) {
      const record = this.#cache.lookup(claim.key)
      if (record !== undefined) {
        this.#waiting.delete(claim)
        this.#forget(claim)
        this.#close(claim, record)
      } else if (this.#cache.leases.holder(claim.key) === undefined) {
        this.#waiting.delete(claim)
        this.#queued.push(claim)
      }
    }
    if (this.#waiting.size > 0) {
      this.#poll = setTimeout(() => this.#guard(() => this.#pollWaiting()), pollMilliseconds)
    }
    this.#wake()
  }

  async #execute(claim: Claim): Promise<void> {
    const { node } = claim.nodes[0]!
    const hooks = {
      progress: (done: number, total: number) => this.#guard(() => this.#emit({ type: 'progress', node, done, total })),
      signal: this.#abort.signal,
    }
    const job = this.#job(claim.key, node)
    try {
      if (!this.#options.executor.isRemote) await this.#cache.bring(cachedBlobs(job))
      const result = await this.#options.executor.execute(job, hooks)
      this.#record(claim, actionRecord(job, result))
    } catch (error) {
      await this.#handleError(claim, error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#running -= 1
      this.#wake()
    }
  }

  #job(key: Digest, node: Node): Job {
    const { operation, params, label } = node
    return {
      key,
      label,
      operation: operation.id,
      version: operation.version,
      params,
      inputs: mapInputs(node.inputs, (input) => this.#artifactOf(input)),
      cost: operation.cost?.(params) ?? {},
    }
  }

  /** Take over a result: what depends on it may go on, and it is announced once its record is durable. */
  #record(claim: Claim, fresh: ActionRecord): void {
    const { node } = claim.nodes[0]!
    this.#cache.refresh()
    const other = this.#cache.actions.of(claim.key).find((known) => known.output.digest !== fresh.output.digest)
    if (other !== undefined) {
      const { digest: first } = other.output
      this.#emit({ type: 'nondeterminism', node, key: claim.key, first, second: fresh.output.digest })
    }
    const earlier = this.#cache.lookup(claim.key)
    const record = earlier ?? fresh
    claim.record = record
    for (const [i, state] of claim.nodes.entries()) this.#compute(state, record, i > 0)
    this.#appending += 1
    const durable = earlier ? Promise.resolve() : this.#publish(record)
    durable
      .then(() => {
        this.#cache.partial.remove(claim.key)
        this.#release(claim)
        for (const state of claim.nodes) this.#finish(state, record)
      })
      .catch((error) => {
        this.#release(claim)
        this.#fail(error)
      })
      .finally(() => {
        this.#appending -= 1
        this.#wake()
      })
  }

  async #publish(record: ActionRecord): Promise<void> {
    if (this.#options.executor.isRemote) this.#cache.adopt(record)
    else await this.#cache.actions.append(record)
  }

  async #handleError(claim: Claim, error: Error): Promise<void> {
    if (error instanceof CorruptBlobError) {
      const found = await this.#cache.blobs.quarantine(error.blob)
      if (this.#options.executor.isRemote) this.#cache.disbelieve(error.blob)
      this.#release(claim)
      for (const state of claim.nodes) this.#recover(state, error, found)
      return
    }
    this.#release(claim)
    if (error instanceof CacheWriteError) this.#fail(error)
    else if (!this.#stopped) for (const state of claim.nodes) this.#failNode(state, error)
  }

  /** Compute again what produced a damaged blob, and then the node that noticed. */
  #recover(state: NodeRun, error: CorruptBlobError, found: 'sound' | 'corrupt' | 'missing'): void {
    state.recoveries += 1
    const producers = this.#producers(state, error.blob)
    const isLost = producers.length === 0 || producers.some(({ status }) => status === 'failed' || status === 'skipped')
    if (isLost || state.recoveries > maximumRecoveries) {
      this.#failNode(state, error)
      return
    }
    for (const producer of producers) {
      if (producer.status !== 'pending' && found !== 'sound') {
        this.#emit({ type: 'corrupt', node: producer.node, consumer: state.node, blob: error.blob, found })
        this.#reset(producer)
      }
      if (producer.status === 'pending') state.unmet.add(producer)
    }
    if (state.unmet.size === 0) this.#ready.push(state)
  }

  #producers(state: NodeRun, blob: Digest): NodeRun[] {
    return flatInputs(state.node.inputs)
      .filter((input) => input.kind === 'node')
      .map((input) => this.#stateOf(input))
      .filter(({ artifact }) => Object.values(artifact!.blobs).includes(blob))
  }

  /** Its artifact stays known to those who began with it: what else they need of it may be sound. */
  #reset(state: NodeRun): void {
    if (state.status === 'finished') this.#unfinished += 1
    state.status = 'pending'
    this.#ready.push(state)
  }

  /** End a claim with a record that is durable. */
  #close(claim: Claim, record: ActionRecord): void {
    for (const state of claim.nodes) {
      this.#compute(state, record, true)
      this.#finish(state, record)
    }
  }

  #release(claim: Claim): void {
    this.#forget(claim)
    this.#cache.leases.release(claim.key)
  }

  #forget(claim: Claim): void {
    if (this.#claims.get(claim.key) === claim) this.#claims.delete(claim.key)
  }

  #compute(state: NodeRun, record: ActionRecord, cached: boolean): void {
    state.artifact = record.output
    state.cached = cached
    state.status = 'computed'
    for (const planned of state.dependents) {
      const dependent = this.#nodes.get(planned)!
      if (dependent.unmet.delete(state) && dependent.unmet.size === 0 && dependent.status === 'pending') {
        this.#ready.push(dependent)
      }
    }
  }

  #finish(state: NodeRun, record: ActionRecord): void {
    if (state.status !== 'computed') return
    state.status = 'finished'
    this.#unfinished -= 1
    const { node, cached } = state
    const { key, seconds } = record
    this.#emit({ type: 'finished', node, key, digest: record.output.digest, cached, seconds })
  }

  /** Fail a node and skip all that needs it. */
  #failNode(state: NodeRun, error: Error): void {
    state.status = 'failed'
    state.error = error
    this.#unfinished -= 1
    this.#failures.push({ node: state.node, error })
    this.#emit({ type: 'failed', node: state.node, error })
    const stack = [state]
    for (let lost = stack.pop(); lost !== undefined; lost = stack.pop()) {
      for (const planned of lost.dependents) {
        const dependent = this.#nodes.get(planned)!
        if (dependent.status !== 'pending' || !dependent.unmet.has(lost)) continue
        dependent.status = 'skipped'
        dependent.ancestor = state.node
        this.#unfinished -= 1
        this.#skipped.push({ node: dependent.node, ancestor: state.node })
        this.#emit({ type: 'skipped', node: dependent.node, ancestor: state.node })
        stack.push(dependent)
      }
    }
    if (this.#failures.length >= (this.#options.maximumFailures ?? Infinity)) this.#stop(error)
  }

  #stop(reason: unknown): void {
    this.#stopped = true
    this.#abort.abort(reason)
    this.#wake()
  }

  /** End the run with an error that is not one of a node. */
  #fail(error: unknown): void {
    this.#fatal ??= { error }
    this.#stop(error)
  }

  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#fail(error)
    }
  }

  #emit(event: RunEvent): void {
    this.#options.onEvent?.(event)
  }

  #reportDamage(): void {
    const { damaged } = this.#cache.actions
    for (const pack of damaged.slice(this.#reportedDamage)) this.#emit({ type: 'damaged', ...pack })
    this.#reportedDamage = damaged.length
  }

  #stateOf(node: Node): NodeRun {
    const planned = this.#plan.byIdentity.get(node.identity)
    if (planned === undefined) throw new Error(`'${node.label}' is not a node of this run.`)
    return this.#nodes.get(planned)!
  }

  #artifactOf(input: NodeInput): LocatedArtifact {
    if (input.kind === 'source') return { ...(input.artifact as LocatedArtifact), files: input.files }
    return this.#stateOf(input).artifact!
  }

  #result(seconds: number): RunResult {
    return {
      artifact: (node) => this.#finishedArtifact(node),
      failures: this.#failures,
      skipped: this.#skipped,
      counts: countRuns(this.#nodes.values(), this.#plan.deduplicated),
      interrupted: this.#unfinished > 0,
      limited: this.#limited && this.#unfinished > 0,
      seconds,
    }
  }

  #finishedArtifact<Value>(node: Node<Value>): InputArtifact<Value> {
    const artifact = openArtifact(finishedArtifact(this.#stateOf(node)), this.#cache.blobs)
    const path = async (blob: string) => {
      try {
        const digest = artifact.blobs[blob]
        if (digest !== undefined) await this.#cache.bring([digest])
        return await artifact.path(blob)
      } catch (error) {
        if (error instanceof CorruptBlobError && !this.#cache.readOnly) await this.#cache.blobs.quarantine(error.blob)
        throw error
      }
    }
    return { ...artifact, path } as InputArtifact<Value>
  }
}

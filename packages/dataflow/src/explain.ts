import type { ActionRecord } from './action-log.ts'
import type { Cache } from './cache.ts'
import { canonicalJson, type Digest, type Json } from './digest.ts'
import { flatInputs, type InputDigests, mapInputs, type Node, type NodeInput, nodeKey } from './node.ts'
import { type PlannedNode, planGraph } from './plan-graph.ts'

/** A field of a key that differs from that of an earlier record: `version`, `params.…`, `inputs.…`. */
export interface KeyChange {
  readonly field: string
  /** Undefined where the earlier record has no such field. */
  readonly from: Json | undefined
  /** Undefined where the node has no such field. */
  readonly to: Json | undefined
}

/** Why a node would run. */
export type Reason =
  /** No record of its operation. */
  | { readonly type: 'never run' }
  /** Its key is new; `changes` are the differences from the nearest earlier record of its operation. */
  | { readonly type: 'changed'; readonly earlier: string; readonly changes: readonly KeyChange[] }
  /** It was run, but these blobs of its result are gone. */
  | { readonly type: 'blobs missing'; readonly blobs: readonly Digest[] }

/** What a run would do with a node, and why. */
export type Explanation =
  | { readonly node: Node; readonly state: 'cached'; readonly key: Digest }
  | {
      readonly node: Node
      readonly state: 'would run'
      readonly key: Digest
      /** Looked for when it is read: it may take longer than the rest. */
      readonly reason: Reason
    }
  /** Its key depends on a result that is not there yet. */
  | { readonly node: Node; readonly state: 'unknown'; readonly until: Node }

/** Records of an operation that a new key is compared with, the latest ones. */
const comparedRecords = 500

/** Say for each node that targets need whether a run would compute it, and which field of its key is new.
 *
 *  Runs and writes nothing. Asks the cache's tier, a level of the graph at a time.
 *  @returns Each node once, inputs first.
 */
export async function explain(
  targets: readonly Node[],
  { cache }: { readonly cache: Cache },
): Promise<readonly Explanation[]> {
  cache.refresh()
  const { nodes } = planGraph(targets)
  const asked = new Set<Digest>()
  for (;;) {
    const explanations = explainNodes(nodes, cache)
    const open = explanations.flatMap((one) => (one.state === 'would run' && !asked.has(one.key) ? [one.key] : []))
    if (!cache.hasTier || open.length === 0) return explanations
    for (const key of open) asked.add(key)
    await cache.ask(open)
    // What the tier has gives the keys of what needs it.
    if (open.every((key) => cache.lookup(key) === undefined)) return explanations
  }
}

function explainNodes(nodes: readonly PlannedNode[], cache: Cache): readonly Explanation[] {
  const history = new History(cache)
  const digests = new Map<Digest, Digest>()
  const explanations = new Map<Digest, Explanation>()
  for (const { node } of nodes) {
    const explanation = explainNode(node, cache, history, digests, explanations)
    explanations.set(node.identity, explanation)
  }
  return [...explanations.values()]
}

/** One sentence for people, without the node's name. */
export function describeExplanation(explanation: Explanation): string {
  if (explanation.state === 'cached') return 'cached'
  if (explanation.state === 'unknown') return `unknown until '${explanation.until.label}' has run`
  const { reason } = explanation
  switch (reason.type) {
    case 'never run':
      return 'would run: its operation has never run'
    case 'blobs missing':
      return `would run: ${reason.blobs.length} of the files of its earlier result are gone`
    case 'changed':
      return `would run: ${reason.changes.map(describeChange).join(', ')} (nearest earlier run: ${reason.earlier})`
  }
}

function describeChange({ field, from, to }: KeyChange): string {
  if (from === undefined) return `${field} ${abbreviate(to)} is new`
  if (to === undefined) return `${field} ${abbreviate(from)} is gone`
  return `${field} ${abbreviate(from)} → ${abbreviate(to)}`
}

function abbreviate(value: Json | undefined): string {
  const text = canonicalJson(value).replace(/[0-9a-f]{64}/g, (digest) => `${digest.slice(0, 12)}…`)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function explainNode(
  node: Node,
  cache: Cache,
  history: History,
  digests: Map<Digest, Digest>,
  explanations: ReadonlyMap<Digest, Explanation>,
): Explanation {
  const digestOf = (input: NodeInput) => (input.kind === 'source' ? input.artifact.digest : digests.get(input.identity))
  const open = flatInputs(node.inputs).find((input) => digestOf(input) === undefined)
  if (open?.kind === 'node') {
    const before = explanations.get(open.identity)!
    return { node, state: 'unknown', until: before.state === 'unknown' ? before.until : open }
  }
  const inputs = mapInputs(node.inputs, (input) => digestOf(input)!)
  const { operation, params } = node
  const key = nodeKey(operation.id, operation.version, params, inputs)
  const record = cache.lookup(key)
  if (record === undefined) {
    return {
      node,
      state: 'would run',
      key,
      get reason() {
        return history.reason(node, key, inputs)
      },
    }
  }
  digests.set(node.identity, record.output.digest)
  return { node, state: 'cached', key }
}

interface PastRun {
  readonly createdAt: string
  readonly fields: KeyFields
}

/** The fields of a key by their path, each as canonical JSON. */
type KeyFields = ReadonlyMap<string, string>

/** Earlier records by operation, their keys flattened into fields. */
class History {
  readonly #cache: Cache
  readonly #runs = new Map<string, readonly PastRun[]>()
  #records: ReadonlyMap<string, readonly ActionRecord[]> | undefined

  constructor(cache: Cache) {
    this.#cache = cache
  }

  reason(node: Node, key: Digest, inputs: InputDigests): Reason {
    const [lost] = this.#cache.actions.of(key)
    if (lost !== undefined) {
      const blobs = Object.values(lost.output.blobs).filter((blob) => !this.#cache.blobs.has(blob))
      return { type: 'blobs missing', blobs }
    }
    const fields = keyFields(node.operation.version, node.params, inputs)
    const nearest = nearestRun(this.#runsOf(node.operation.id), fields)
    if (nearest === undefined) return { type: 'never run' }
    return { type: 'changed', earlier: nearest.createdAt, changes: compareFields(nearest.fields, fields) }
  }

  /** The latest first. */
  #runsOf(operation: string): readonly PastRun[] {
    const known = this.#runs.get(operation)
    if (known !== undefined) return known
    this.#records ??= recordsByOperation(this.#cache)
    const runs = [...(this.#records.get(operation) ?? [])]
      .sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1))
      .slice(0, comparedRecords)
      .map(({ createdAt, version, params, inputs }) => ({ createdAt, fields: keyFields(version, params, inputs) }))
    this.#runs.set(operation, runs)
    return runs
  }
}

function recordsByOperation(cache: Cache): Map<string, ActionRecord[]> {
  const byOperation = new Map<string, ActionRecord[]>()
  for (const record of cache.actions.records()) {
    const records = byOperation.get(record.operation)
    if (records) records.push(record)
    else byOperation.set(record.operation, [record])
  }
  return byOperation
}

/** The run of which the fewest fields differ; the latest of several. */
function nearestRun(runs: readonly PastRun[], fields: KeyFields): PastRun | undefined {
  let nearest: PastRun | undefined
  let fewest = Infinity
  for (const run of runs) {
    const changes = countChanges(run.fields, fields, fewest)
    if (changes >= fewest) continue
    nearest = run
    fewest = changes
    // No run has all fields in common: its key would be the same.
    if (changes === 1) break
  }
  return nearest
}

/** Up to `most`, where counting ends. */
function countChanges(past: KeyFields, fields: KeyFields, most: number): number {
  let common = 0
  let changes = 0
  for (const [field, to] of fields) {
    const from = past.get(field)
    if (from !== undefined) common += 1
    if (from === to) continue
    changes += 1
    if (changes >= most) return changes
  }
  return changes + past.size - common
}

function keyFields(version: number, params: Json, inputs: InputDigests): KeyFields {
  const fields = new Map([['version', canonicalJson(version)]])
  flatten('params', params, fields)
  flatten('inputs', inputs, fields)
  return fields
}

function flatten(path: string, value: Json, fields: Map<string, string>): void {
  const entries = value !== null && typeof value === 'object' ? Object.entries(value) : []
  if (entries.length === 0) fields.set(path, canonicalJson(value))
  for (const [name, child] of entries) flatten(`${path}.${name}`, child as Json, fields)
}

function compareFields(past: KeyFields, fields: KeyFields): KeyChange[] {
  const names = [...fields.keys(), ...[...past.keys()].filter((field) => !fields.has(field))]
  const read = (text: string | undefined) => (text === undefined ? undefined : (JSON.parse(text) as Json))
  return names
    .filter((field) => past.get(field) !== fields.get(field))
    .map((field) => ({ field, from: read(past.get(field)), to: read(fields.get(field)) }))
}

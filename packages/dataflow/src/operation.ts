import { hash } from 'node:crypto'
import { UserError } from '@isthmus/tensor'
import type { z } from 'zod'
import type { InputArtifact } from './artifact.ts'
import { canonicalJson, type Digest, type Json } from './digest.ts'
import { mapInputs, type Node, type NodeInput } from './node.ts'

/** An input that is one artifact, whose value has this schema. */
export interface OneInput<Value = unknown> {
  readonly arity: 'one'
  readonly schema: z.ZodType<Value>
}

/** An input that is a list of artifacts, in an order that matters, whose values have this schema. */
export interface ManyInput<Value = unknown> {
  readonly arity: 'many'
  readonly schema: z.ZodType<Value>
}

/** The inputs of an operation by name. */
export type InputSpecs = Readonly<Record<string, OneInput | ManyInput>>

/** Declare an input that is one artifact. @param schema The `value` schema of the operation that produces it. */
export function one<Value>(schema: z.ZodType<Value>): OneInput<Value> {
  return { arity: 'one', schema }
}

/** Declare an input that is a list of artifacts. @param schema The `value` schema of those that produce them. */
export function many<Value>(schema: z.ZodType<Value>): ManyInput<Value> {
  return { arity: 'many', schema }
}

/** What a running operation is given: an artifact, or a list of them, under each input's name. */
export type InputArtifacts<Inputs extends InputSpecs> = {
  readonly [Name in keyof Inputs]: Inputs[Name] extends ManyInput<infer Value>
    ? readonly InputArtifact<Value>[]
    : Inputs[Name] extends OneInput<infer Value>
      ? InputArtifact<Value>
      : never
}

/** What a node is made from: a node or source, or a list of them, under each input's name. */
export type NodeInputs<Inputs extends InputSpecs> = {
  readonly [Name in keyof Inputs]: Inputs[Name] extends ManyInput<infer Value>
    ? readonly NodeInput<Value>[]
    : Inputs[Name] extends OneInput<infer Value>
      ? NodeInput<Value>
      : never
}

/** What a running operation may use beside its inputs. */
export interface OperationContext {
  /** A path to write a blob of the result to; it is digested and published when the operation returns.
   *
   *  The file must exist by then, and be closed.
   */
  createBlob(name: string): Promise<string>
  /** A path to a file that belongs to this node and outlives a run that is killed: where an operation that takes long keeps
   *  what it has done so far, for the next run to go on from. It may be there already. What the result is must not depend
   *  on it; it goes once the result is recorded.
   */
  partial(name: string): Promise<string>
  /** Report that `done` of `total` steps are done. */
  progress(done: number, total: number): void
  /** Aborted when the run is interrupted. */
  readonly signal: AbortSignal
}

/** What an operation is expected to need, for scheduling and estimates. */
export interface Cost {
  readonly cpuSeconds?: number
  readonly memoryBytes?: number
}

/** A pure, typed operation: its result is a function of its inputs' contents and its params, and of nothing else. */
export interface OperationDefinition<Inputs extends InputSpecs, Params extends z.ZodType, Value> {
  /** Unique, e.g. `activations.correlate`. Part of the key. */
  readonly id: string
  /** Raised whenever the code changes what it computes. Part of the key. */
  readonly version: number
  readonly inputs: Inputs
  /** Parsed when a node is made; what it yields must be JSON and is part of the key. */
  readonly params: Params
  /** Checked when an operation returns. */
  readonly value: z.ZodType<Value>
  cost?(params: z.output<Params>): Cost
  run(context: OperationContext, inputs: InputArtifacts<Inputs>, params: z.output<Params>): Promise<NoInfer<Value>>
}

/** What can be said of one use of an operation beside its inputs and params. None of it is in the key. */
export interface NodeOptions {
  /** For people: progress, errors. Default: the operation's id. */
  readonly label?: string
  /** Nodes that must have succeeded before this one starts. */
  readonly after?: readonly Node[]
}

/** An operation that nodes can be made of. */
export interface Operation<Inputs extends InputSpecs, Params extends z.ZodType, Value>
  extends OperationDefinition<Inputs, Params, Value> {
  /** Make a node: this operation on these inputs with these params. Nothing runs.
   *
   *  @throws {UserError} naming the operation and the param or input that is wrong.
   */
  node(inputs: NodeInputs<Inputs>, params: z.input<Params>, options?: NodeOptions): Node<Value>
}

/** An operation of which no types are known. */
export type AnyOperation = Operation<InputSpecs, z.ZodType, unknown>

/** Define an operation.
 *
 *      const double = defineOperation({
 *        id: 'example.double', version: 1,
 *        inputs: { x: one(z.number()) }, params: z.object({}), value: z.number(),
 *        run: async (_context, { x }) => 2 * x.value,
 *      })
 *
 *  @throws {UserError} when the id is empty or the version is no positive integer.
 */
export function defineOperation<const Inputs extends InputSpecs, Params extends z.ZodType, Value>(
  definition: OperationDefinition<Inputs, Params, Value>,
): Operation<Inputs, Params, Value> {
  if (definition.id === '' || !Number.isInteger(definition.version) || definition.version < 1) {
    throw new UserError(
      `Operation '${definition.id}' has version ${definition.version}: give it an id, and a version that is a ` +
        'positive integer.',
    )
  }
  const operation: Operation<Inputs, Params, Value> = {
    ...definition,
    node: (inputs, params, options = {}) => makeNode(operation as unknown as AnyOperation, inputs, params, options),
  }
  return Object.freeze(operation)
}

function makeNode(
  operation: AnyOperation,
  inputs: Readonly<Record<string, NodeInput | readonly NodeInput[]>>,
  params: unknown,
  options: NodeOptions,
): Node<never> {
  checkInputs(operation, inputs)
  const text = parseParams(operation, params)
  const parsed = JSON.parse(text) as Json
  const identities = mapInputs(inputs, (input) => (input.kind === 'node' ? input.identity : input.artifact.digest))
  return Object.freeze({
    kind: 'node' as const,
    operation,
    params: parsed,
    inputs: Object.freeze(mapInputs(inputs, (input) => input)),
    after: Object.freeze([...(options.after ?? [])]),
    label: options.label ?? operation.id,
    identity: identityOf(operation, text, identities),
  })
}

/** The digest of the canonical `[id, version, params, identities of the inputs]`. @param params As canonical JSON. */
function identityOf({ id, version }: AnyOperation, params: string, inputs: unknown): Digest {
  return hash('sha256', `[${canonicalJson(id)},${version},${params},${canonicalJson(inputs)}]`) as Digest
}

/** @returns Canonical JSON. */
function parseParams(operation: AnyOperation, params: unknown): string {
  const parsed = operation.params.safeParse(params)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new UserError(
      `Operation '${operation.id}' was given a wrong ${paramName(issue.path)}: ${issue.message}; correct it.`,
    )
  }
  try {
    return canonicalJson(parsed.data)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new UserError(`Operation '${operation.id}' was given wrong params: ${error.message}.`, { cause: error })
  }
}

function paramName(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'value for its params' : `param '${path.map(String).join('.')}'`
}

function checkInputs(
  operation: AnyOperation,
  inputs: Readonly<Record<string, NodeInput | readonly NodeInput[]>>,
): void {
  const expected = Object.keys(operation.inputs)
  const unknown = Object.keys(inputs).find((name) => !expected.includes(name))
  if (unknown !== undefined) {
    throw new UserError(
      `Operation '${operation.id}' has no input '${unknown}': its inputs are ${expected.join(', ') || 'none'}.`,
    )
  }
  for (const [name, { arity, schema }] of Object.entries(operation.inputs)) {
    const input = inputs[name]
    if (input === undefined || Array.isArray(input) !== (arity === 'many')) {
      const found = input === undefined ? 'nothing' : Array.isArray(input) ? 'a list' : 'one node'
      const wanted = arity === 'many' ? 'a list of nodes or sources' : 'one node or source'
      throw new UserError(
        `Operation '${operation.id}' needs ${wanted} as input '${name}', but was given ${found}; pass ${wanted}.`,
      )
    }
    for (const item of [input].flat() as NodeInput[]) checkSource(operation, name, item, schema)
  }
}

function checkSource(operation: AnyOperation, name: string, input: NodeInput, schema: z.ZodType): void {
  if (input.kind !== 'source') return
  const checked = schema.safeParse(input.artifact.value)
  if (checked.success) return
  throw new UserError(
    `Operation '${operation.id}' cannot take the source '${input.label}' as input '${name}': ` +
      `${checked.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}; ` +
      'pass a source of that kind.',
  )
}

import type { Artifact, SourceFile } from './artifact.ts'
import { canonicalDigest, type Digest, type Json } from './digest.ts'
import type { AnyOperation } from './operation.ts'

declare const valueType: unique symbol

/** One use of an operation: immutable, not yet run. Nodes of equal `identity` are one node to a run. */
export interface Node<Value = unknown> {
  readonly kind: 'node'
  readonly operation: AnyOperation
  /** As the operation's schema parsed them. */
  readonly params: Json
  readonly inputs: Readonly<Record<string, NodeInput | readonly NodeInput[]>>
  /** Nodes that must have succeeded before this one starts, though it reads nothing of them. Not in the key. */
  readonly after: readonly Node[]
  /** For people; neither in the identity nor in the key. */
  readonly label: string
  /** Digest of the operation's id and version, the params, and the identities of the inputs. */
  readonly identity: Digest
  readonly [valueType]?: Value
}

/** Files of the user, and a value that says what they are, as an artifact that enters the graph. */
export interface Source<Value = unknown> {
  readonly kind: 'source'
  readonly label: string
  readonly artifact: Artifact<Value>
  readonly files: Readonly<Record<string, SourceFile>>
}

/** What an input of a node may be. */
export type NodeInput<Value = unknown> = Node<Value> | Source<Value>

/** Digests of input artifacts, or lists of them, by the input's name. */
export type InputDigests = Readonly<Record<string, Digest | readonly Digest[]>>

/** The key of a node:
 *
 *      key = SHA-256(canonical(operation id, version, params, digests of the input artifacts))
 *
 *  It depends on what the inputs contain, not on how they came to be, so a change upstream that leaves an artifact as
 *  it was goes no further (early cut-off).
 */
export function nodeKey(operation: string, version: number, params: Json, inputs: InputDigests): Digest {
  return canonicalDigest({ kind: 'action', operation, version, params, inputs })
}

/** Apply a function to each input, keeping names and lists. */
export function mapInputs<Input, Output>(
  inputs: Readonly<Record<string, Input | readonly Input[]>>,
  transform: (input: Input) => Output,
): Record<string, Output | Output[]> {
  const mapped: Record<string, Output | Output[]> = {}
  for (const name of Object.keys(inputs)) {
    const input = inputs[name] as Input | readonly Input[]
    mapped[name] = isList(input) ? input.map(transform) : transform(input)
  }
  return mapped
}

/** All inputs of a node in one list, in the order of their names. */
export function flatInputs<Input>(inputs: Readonly<Record<string, Input | readonly Input[]>>): Input[] {
  return Object.values(inputs).flat() as Input[]
}

function isList<Item>(value: Item | readonly Item[]): value is readonly Item[] {
  return Array.isArray(value)
}

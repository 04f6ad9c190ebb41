import type { z } from 'zod'

declare const digestBrand: unique symbol

/** SHA-256 in lower-case hexadecimal, 64 characters. */
export type Digest = string & { readonly [digestBrand]: true }

/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What a node produced: a small value, and files by name. Its digest is that of the canonical encoding of both. */
export interface Artifact<Value = unknown> {
  readonly digest: Digest
  readonly value: Value
  readonly blobs: Readonly<Record<string, Digest>>
}

/** An artifact as an operation sees it: blobs can be opened by path. */
export interface InputArtifact<Value = unknown> extends Artifact<Value> {
  /** The path of a blob, whose content was checked against its digest once in this process.
   *  @throws {CorruptBlobError} when the content has another digest; the run then computes it again.
   */
  path(blob: string): Promise<string>
}

/** What a running operation may use beside its inputs. */
export interface OperationContext {
  /** A path to write a blob of the result to. It is digested and published when the operation returns. */
  createBlob(name: string): Promise<string>
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

/** An artifact, or a list of them, by name. */
export type InputShape = Readonly<Record<string, unknown>>

/** A pure, typed operation: its result is a function of its inputs' contents and its params. */
export interface OperationDefinition<Inputs extends InputShape, Params, Value> {
  /** Unique, e.g. `activations.correlate`. Part of the key. */
  readonly id: string
  /** Raised whenever the code changes what it computes. Part of the key. */
  readonly version: number
  readonly params: z.ZodType<Params>
  readonly value: z.ZodType<Value>
  cost?(params: Params): Cost
  /** Compute the value; `inputs` holds an `InputArtifact` (or an array of them) under each name. */
  run(
    context: OperationContext,
    inputs: { readonly [Name in keyof Inputs]: Inputs[Name] extends readonly (infer V)[] ? readonly InputArtifact<V>[] : InputArtifact<Inputs[Name]> },
    params: Params,
  ): Promise<Value>
}

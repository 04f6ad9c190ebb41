import { canonicalDigest, type Digest, type Json } from './digest.ts'

/** What a node produced: a small value, and files by name. Its digest is that of the canonical encoding of both. */
export interface Artifact<Value = unknown> {
  readonly digest: Digest
  readonly value: Value
  readonly blobs: Readonly<Record<string, Digest>>
}

/** An artifact as an operation sees it: blobs can be opened by path. */
export interface InputArtifact<Value = unknown> extends Artifact<Value> {
  /** The path of a blob, whose content was checked against its digest once in this process.
   *
   *  Read it only: the file belongs to the cache, or to the user.
   *  @throws {CorruptBlobError} when the blob is missing or has another digest; the run then computes it again.
   *  @throws {UserError} when a file of the user has changed since its digest was taken.
   */
  path(blob: string): Promise<string>
}

/** A file of the user as it was when its digest was taken. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string
  /** Size, times and inode, by which a change is noticed without reading the file. */
  readonly fingerprint: string
}

/** An artifact as data, with the places of those blobs that are files of the user. */
export interface LocatedArtifact extends Artifact<Json> {
  readonly files?: Readonly<Record<string, SourceFile>>
}

/** The digest of an artifact: SHA-256 over the canonical encoding of its value and the digests of its blobs. */
export function artifactDigest(value: unknown, blobs: Readonly<Record<string, Digest>>): Digest {
  return canonicalDigest({ kind: 'artifact', value, blobs })
}

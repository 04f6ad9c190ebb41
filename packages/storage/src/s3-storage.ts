import { Readable } from 'node:stream'
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { Digest } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import type { BlobStorage } from './blob-storage.ts'
import { checkedContent } from './checked-content.ts'
import { keyOf, s3Direct } from './s3-direct.ts'

/** Where blobs are in a bucket. */
export interface S3StorageOptions {
  readonly bucket: string
  /** What the keys begin with, `isthmus/`. Default: nothing. */
  readonly prefix?: string
  /** Endpoint, region, credentials: what is left out is found as the AWS command line finds it. */
  readonly client?: S3ClientConfig
  /** Bytes of the parts in which a large blob is sent, at least 5 MiB. Default 16 MiB. */
  readonly partBytes?: number
}

const defaultPartBytes = 16 * 2 ** 20
const partsAtOnce = 4
const questionsAtOnce = 64

/** Blobs in a bucket of S3, or of what speaks its protocol.
 *
 *  A blob of one part is put on condition that it is not there (`If-None-Match: *`). A larger one is sent in parts, and
 *  appears when they are complete, on the same condition; where the content turns out to be another, the upload is
 *  aborted, so that there is never a part of a blob under its name. A lifecycle rule should remove uploads that were
 *  left incomplete by a server that was killed.
 *  @throws {UserError} when the bucket is not there or may not be used.
 */
export async function s3Storage(options: S3StorageOptions): Promise<BlobStorage> {
  const { bucket, prefix = '', partBytes = defaultPartBytes } = options
  const client = new S3Client(options.client ?? {})
  const name = `s3://${bucket}/${prefix}`
  const at = (blob: Digest) => ({ Bucket: bucket, Key: prefix + keyOf(blob) })
  const size = async (blob: Digest) => {
    try {
      return (await client.send(new HeadObjectCommand(at(blob)))).ContentLength
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }
  await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: Error) => {
    client.destroy()
    throw new UserError(
      `${name} cannot be used (${error.name}: ${error.message}): check the bucket, the endpoint and the credentials`,
    )
  })
  return {
    name,
    size,
    async missing(blobs) {
      const missing: Digest[] = []
      for (let start = 0; start < blobs.length; start += questionsAtOnce) {
        const asked = blobs.slice(start, start + questionsAtOnce)
        const sizes = await Promise.all(asked.map(size))
        missing.push(...asked.filter((_, i) => sizes[i] === undefined))
      }
      return missing
    },
    async read(blob, range) {
      const part = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }
      const { Body } = await client.send(new GetObjectCommand({ ...at(blob), ...part }))
      return Body as Readable
    },
    async write(blob, content, writeOptions = {}) {
      if ((await size(blob)) !== undefined) return false
      const Body = Readable.from(checkedContent(blob, content, writeOptions), { objectMode: false })
      const upload = new Upload({
        client,
        params: { ...at(blob), Body, IfNoneMatch: '*' },
        partSize: partBytes,
        queueSize: partsAtOnce,
      })
      try {
        await upload.done()
        return true
      } catch (error) {
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412) return false
        throw error
      }
    },
    direct: () => s3Direct(client, { bucket, prefix, name }),
    async *list() {
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
        for (const { Key = '', Size = 0 } of Contents) {
          const digest = Key.slice(Key.lastIndexOf('/') + 1)
          if (/^[0-9a-f]{64}$/.test(digest)) yield { digest: digest as Digest, bytes: Size }
        }
      }
    },
    close: async () => client.destroy(),
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && error.name === 'NotFound'
}

import type { BlobStorage } from '@isthmus/storage'
import { UserError } from '@isthmus/tensor'

/** Where the blobs of a server are that an address names, `s3://BUCKET/PREFIX`.
 *
 *  Region, credentials and endpoint are found as the AWS command line finds them; with an endpoint of one’s own
 *  (`AWS_ENDPOINT_URL`) the bucket is in the path and not in the host’s name, as most that speak S3 want it.
 *  @throws {UserError} when it is no such address, or the bucket cannot be used.
 */
export async function openStorage(address: string): Promise<BlobStorage> {
  const [, bucket, path = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(address) ?? []
  if (bucket === undefined)
    throw new UserError(`--blobs ${address}: expected a bucket, s3://BUCKET or s3://BUCKET/PREFIX`)
  const { s3Storage } = await import('@isthmus/storage')
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 } = process.env
  const forcePathStyle = Boolean(AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL)
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  return s3Storage({ bucket, prefix, client: { forcePathStyle } })
}

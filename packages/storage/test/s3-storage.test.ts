import { randomBytes } from 'node:crypto'
import type { Digest } from '@isthmus/dataflow'
import { expect, it } from 'vitest'
import { s3Storage } from '../src/index.ts'
import { storageContract } from './contract/index.ts'
import { type LoopbackS3, loopbackCredentials } from './loopback-s3.ts'
import { temporaryS3 } from './temporary-s3.ts'

const partBytes = 5 * 2 ** 20

function open({ endpoint }: Pick<LoopbackS3, 'endpoint'>, bucket = 'lab') {
  const credentials = loopbackCredentials
  const client = { endpoint, region: 'us-east-1', credentials, forcePathStyle: true, maxAttempts: 1 }
  return s3Storage({ bucket, prefix: 'isthmus/', client, partBytes })
}

storageContract('a bucket', async () => open(await temporaryS3()), { largeBytes: 2 * partBytes + 1, isDirect: true })

it('sends a large blob in parts, and leaves none of what it refuses', async () => {
  const s3 = await temporaryS3()
  const storage = await open(s3)
  const content = async function* () {
    for (let sent = 0; sent < 2 * partBytes; sent += partBytes / 5) yield randomBytes(partBytes / 5)
  }
  await expect(storage.write('0'.repeat(64) as Digest, content())).rejects.toThrow(/SHA-256/)
  expect(s3.requests.some((request) => /^POST .*uploads/.test(request))).toBe(true)
  expect(s3.uploads.size).toBe(0)
  expect(s3.objects.size).toBe(0)
})

it.each([
  ['a bucket that is not there', 'elsewhere', undefined],
  ['a server that is not there', 'lab', 'http://127.0.0.1:9'],
])('says in one sentence that it cannot use %s', async (_, bucket, endpoint) => {
  const s3 = await temporaryS3()
  const opened = open({ endpoint: endpoint ?? s3.endpoint }, bucket)
  await expect(opened).rejects.toThrow(/cannot be used .*check the bucket, the endpoint and the credentials/)
})

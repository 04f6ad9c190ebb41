import { onTestFinished } from 'vitest'
import { type LoopbackS3, startLoopbackS3 } from './loopback-s3.ts'

/** Serve the bucket `lab` until the test has finished. */
export async function temporaryS3(): Promise<LoopbackS3> {
  const s3 = await startLoopbackS3()
  onTestFinished(() => s3.close())
  return s3
}

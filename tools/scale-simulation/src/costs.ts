import { z } from 'zod'

const seconds = z.number().nonnegative()

/** What things cost, in seconds of a processor unless said otherwise: as `measure` measures them, on the machine that it names. */
export const costsSchema = z.object({
  machine: z.string(),
  /** Of the server’s process. */
  server: z.object({
    /** `PUT /v1/actions/{key}`. */
    publish: seconds,
    /** A request of `POST /v1/actions/lookup`, and each key in it. */
    lookupRequest: seconds,
    lookupKey: seconds,
    /** A blob that is given or taken, and each byte of it. */
    blobPut: seconds,
    blobPutByte: seconds,
    blobGet: seconds,
    blobGetByte: seconds,
    /** Each row of results. */
    row: seconds,
    /** Where blobs are in a bucket: a request for how to move them, each blob in it, and looking whether one is there. */
    transferRequest: seconds,
    transferBlob: seconds,
    bucketLook: seconds,
  }),
  /** Of the queue’s process, for a job from its being added to its end. */
  queueJob: seconds,
  /** Of the run’s own process: a node, and giving it to the queue. */
  runNode: seconds,
  runJob: seconds,
  /** By operation: what nodes took, a sample of them, and what they wrote. */
  operations: z.record(
    z.string(),
    z.object({ seconds: z.array(seconds).min(1), blobBytes: z.array(z.number().nonnegative()) }),
  ),
})

export type Costs = z.infer<typeof costsSchema>

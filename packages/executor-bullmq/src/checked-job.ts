import { artifactDigest, type Digest, type Job, mapInputs, nodeKey } from '@isthmus/dataflow'
import { z } from 'zod'

const digestSchema = z.string().regex(/^[0-9a-f]{64}$/)
const artifactSchema = z.object({ digest: digestSchema, value: z.json(), blobs: z.record(z.string(), digestSchema) })
const jobSchema = z.object({
  key: digestSchema,
  label: z.string(),
  operation: z.string(),
  version: z.int(),
  params: z.json(),
  inputs: z.record(z.string(), z.union([artifactSchema, z.array(artifactSchema)])),
  cost: z.object({ cpuSeconds: z.number().optional(), memoryBytes: z.number().optional() }),
})

/** A job as it came out of a queue, which others may write to: its key must be that of what it asks for, so that no
 *  result is recorded under the key of another; its digests are no paths, and it names no file.
 *
 *  @throws {Error} saying what is wrong with it.
 */
export function checkedJob(data: unknown): Job {
  const parsed = jobSchema.safeParse(data)
  if (!parsed.success) throw new Error(`The queue holds something that is no job: ${z.prettifyError(parsed.error)}`)
  const job = parsed.data as Job
  const digests = mapInputs(job.inputs, ({ digest, value, blobs }) => {
    if (artifactDigest(value, blobs) === digest) return digest
    throw new Error(`The queue holds a job '${job.label}' with an input that has not the digest ${digest}.`)
  })
  if (nodeKey(job.operation, job.version, job.params, digests as Record<string, Digest | Digest[]>) === job.key)
    return job
  throw new Error(`The queue holds a job '${job.label}' whose key is not that of what it asks for.`)
}

import { type Digest, flatInputs, type Job, mapInputs, type WritableTier } from '@isthmus/dataflow'

/** Gives a tier the files of the user that jobs read, each once: the machines of a lab do not have them. */
export class SourceUploads {
  readonly #tier: WritableTier
  readonly #uploads = new Map<Digest, Promise<void>>()

  constructor(tier: WritableTier) {
    this.#tier = tier
  }

  /** Give the tier what it lacks of a job's files.
   *
   *  @throws {Error} when it cannot be reached, or a file has changed since its digest was taken.
   */
  async upload(job: Job): Promise<void> {
    await Promise.all(filesOf(job).map(([blob, path]) => this.#once(blob, path)))
  }

  /** A job whose inputs are found by their digests alone. */
  withoutFiles(job: Job): Job {
    return { ...job, inputs: mapInputs(job.inputs, ({ files: _, ...artifact }) => artifact) }
  }

  #once(blob: Digest, path: string): Promise<void> {
    const upload = this.#uploads.get(blob) ?? this.#upload(blob, path)
    this.#uploads.set(blob, upload)
    upload.catch(() => this.#uploads.delete(blob))
    return upload
  }

  async #upload(blob: Digest, path: string): Promise<void> {
    const missing = await this.#tier.missing([blob])
    if (missing.length > 0) await this.#tier.upload(blob, path)
  }
}

function filesOf({ inputs }: Job): [Digest, string][] {
  return flatInputs(inputs).flatMap(({ blobs, files = {} }) =>
    Object.entries(files).map(([name, { path }]): [Digest, string] => [blobs[name]!, path]),
  )
}

import type { RunStudiesOptions } from '@isthmus/study'
import packageJson from '../package.json' with { type: 'json' }
import { Progress } from './progress.ts'
import { openSession, type SessionOptions } from './session.ts'

/** The options of `isthmus run`. */
export interface RunOptions extends SessionOptions {
  readonly set: readonly string[]
  readonly tag?: string
  readonly json?: boolean
}

/** Compute with the processes of this machine, showing how far it is. */
export async function computeRun<Result>(
  options: Omit<RunOptions, 'set'>,
  compute: (run: RunStudiesOptions & { readonly signal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  await using session = await openSession(options)
  const { cache, executor, signal } = session
  const progress = new Progress(process.stderr)
  const { onEvent } = progress
  try {
    return await compute({ cache, executor, signal, onEvent, version: packageJson.version, tag: options.tag ?? null })
  } finally {
    progress.stop()
  }
}

import { expectedSeconds } from '@isthmus/dataflow'
import type { RunStudiesOptions } from '@isthmus/study'
import packageJson from '../package.json' with { type: 'json' }
import { parseCount } from './option-values.ts'
import { Progress } from './progress.ts'
import { openSession, type SessionOptions } from './session.ts'

/** The options of `isthmus run`. */
export interface RunOptions extends SessionOptions {
  readonly set: readonly string[]
  readonly tag?: string
  /** Which steps are computed, by patterns; all where there are none. */
  readonly only: readonly string[]
  readonly maxFailures?: string
  readonly limit?: string
  readonly json?: boolean
}

/** Compute with the processes of this machine, showing how far it is. */
export async function computeRun<Result>(
  options: Omit<RunOptions, 'set'>,
  compute: (run: RunStudiesOptions & { readonly signal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  const { maxFailures, limit, only, tag = null } = options
  const bounds = {
    maximumFailures: maxFailures === undefined ? undefined : parseCount('--max-failures', maxFailures),
    limit: limit === undefined ? undefined : parseCount('--limit', limit),
  }
  await using session = await openSession(options)
  const { cache, executor, signal } = session
  const expected = (operations: Iterable<string>) => expectedSeconds(operations, { cache })
  const progress = new Progress(process.stderr, { slots: executor.slots, expected })
  const { onEvent } = progress
  const { version } = packageJson
  try {
    return await compute({ cache, executor, signal, onEvent, version, tag, only, ...bounds })
  } finally {
    progress.stop()
  }
}

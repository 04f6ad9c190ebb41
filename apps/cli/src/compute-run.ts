import type { RunEvent } from '@isthmus/dataflow'
import type { RunStudiesOptions } from '@isthmus/study'
import packageJson from '../package.json' with { type: 'json' }
import { parseCount } from './option-values.ts'
import { progressOf } from './progress.ts'
import { openSession, type SessionOptions } from './session.ts'
import type { Team, TeamOptions } from './team.ts'

/** The options of `isthmus run`. */
export interface RunOptions extends SessionOptions, TeamOptions {
  readonly set: readonly string[]
  readonly tag?: string
  /** Which steps are computed, by patterns; all where there are none. */
  readonly only: readonly string[]
  readonly maxFailures?: string
  readonly limit?: string
  readonly json?: boolean
}

/** Compute with the processes of this machine, showing how far it is.
 *
 *  @param name Of what is computed.
 *  @param team Whose results are taken, and who is given those of this run.
 */
export async function computeRun<Result>(
  name: string,
  options: Omit<RunOptions, 'set'>,
  team: Team | undefined,
  compute: (run: RunStudiesOptions & { readonly signal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  const { maxFailures, limit, only, tag = null } = options
  const bounds = {
    maximumFailures: maxFailures === undefined ? undefined : parseCount('--max-failures', maxFailures),
    limit: limit === undefined ? undefined : parseCount('--limit', limit),
  }
  await using session = await openSession(options, team)
  const { cache, executor, signal } = session
  const progress = progressOf(session)
  team?.begin(cache, name, () => progress.state)
  const onEvent = (event: RunEvent) => {
    progress.onEvent(event)
    team?.onEvent(event)
  }
  const { version } = packageJson
  try {
    return await compute({ cache, executor, signal, onEvent, version, tag, only, ...bounds })
  } finally {
    progress.stop()
  }
}

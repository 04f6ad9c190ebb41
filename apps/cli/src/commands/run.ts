import type { RunResult } from '@isthmus/dataflow'
import { type LeaderboardRow, leaderboard, type PublishedRow, published, recordRows } from '@isthmus/results'
import { runStudy } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import packageJson from '../../package.json' with { type: 'json' }
import { isthmusHome } from '../home.ts'
import { leaderboardText } from '../leaderboard-table.ts'
import { formatSeconds, Progress } from '../progress.ts'
import { readStudy } from '../read-study.ts'
import { openSession } from '../session.ts'

/** `isthmus run`: compute a study, record it, show its leaderboard. */
export async function runCommand(
  name: string,
  options: { readonly set: readonly string[]; readonly jobs?: string; readonly json?: boolean },
): Promise<void> {
  const start = performance.now()
  const { study, resolvePath } = await readStudy(name, options.set)
  process.stderr.write(`${study.name}: ${study.title}\n`)
  const home = isthmusHome()
  const { result, rows } = await computeStudy(study, resolvePath, options.jobs)
  let board: LeaderboardRow[] = []
  let paper: PublishedRow[] = []
  const { notices } = await recordRows(home.directory, rows, {
    async afterwards(results) {
      if (!rows.curvePoints?.length) return
      board = await leaderboard(results, { study: study.name })
      paper = await published(results, study.name)
    },
  })
  for (const notice of notices) process.stderr.write(`${notice}\n`)
  process.stderr.write(`${summary(result, (performance.now() - start) / 1000)}\n`)
  if (options.json === true) {
    const { counts, interrupted, seconds } = result
    process.stdout.write(
      `${JSON.stringify({ study: study.name, counts, interrupted, seconds, leaderboard: board }, null, 2)}\n`,
    )
  } else if (board.length > 0) {
    process.stdout.write(leaderboardText(board, 'table', paper, study.name))
  }
  reportFailures(result)
}

async function computeStudy(
  study: Parameters<typeof runStudy>[0],
  resolvePath: (path: string) => string,
  jobs: string | undefined,
) {
  await using session = await openSession(jobs)
  const { cache, executor, signal } = session
  const progress = new Progress(process.stderr)
  try {
    const { onEvent } = progress
    return await runStudy(study, { cache, executor, signal, resolvePath, onEvent, version: packageJson.version })
  } finally {
    progress.stop()
  }
}

function summary({ counts, interrupted }: RunResult, seconds: number): string {
  const parts = [`${counts.ran} computed`, `${counts.cached} from the cache`]
  if (counts.failed > 0) parts.push(`${counts.failed} failed`)
  if (counts.skipped > 0) parts.push(`${counts.skipped} not run because of a failure`)
  if (counts.interrupted > 0) parts.push(`${counts.interrupted} interrupted`)
  const shared = counts.deduplicated > 0 ? `; ${counts.deduplicated} more were shared` : ''
  return `${counts.total} steps: ${parts.join(', ')}${shared}; ${formatSeconds(seconds)}${interrupted ? '; run again to go on' : ''}`
}

/** Say why nodes failed, each cause once, and set the exit code. */
function reportFailures({ failures, interrupted }: RunResult): void {
  const causes = new Map<string, string[]>()
  for (const { node, error } of failures) {
    const text = error instanceof UserError ? error.message : (error.stack ?? error.message)
    causes.set(text, [...(causes.get(text) ?? []), node.label])
  }
  for (const [text, labels] of causes) {
    const others = labels.length > 1 ? ` (and ${labels.length - 1} more)` : ''
    process.stderr.write(`isthmus: '${labels[0]}'${others} failed: ${text}\n`)
  }
  if (failures.length > 0) process.exitCode = failures.every(({ error }) => error instanceof UserError) ? 2 : 1
  else if (interrupted) process.exitCode = 130
}

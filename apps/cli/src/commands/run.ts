import type { RunResult } from '@isthmus/dataflow'
import {
  type LeaderboardRow,
  leaderboard,
  type PublishedRow,
  published,
  type ResultRows,
  recordRows,
} from '@isthmus/results'
import { type ExpandedStudy, type ForwardPasses, type PlacedStudy, runStudies, type StudiesRun } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import packageJson from '../../package.json' with { type: 'json' }
import { isthmusHome } from '../home.ts'
import { leaderboardText } from '../leaderboard-table.ts'
import { formatSeconds, Progress } from '../progress.ts'
import { modelPuller } from '../pull-model.ts'
import { readStudies } from '../read-study.ts'
import { openSession } from '../session.ts'

/** `isthmus run`: compute a study or a collection of them, record it, show the leaderboards. */
export async function runCommand(
  name: string,
  options: { readonly set: readonly string[]; readonly jobs?: string; readonly json?: boolean },
): Promise<void> {
  const start = performance.now()
  const { title, studies, ...collection } = await readStudies(name, options.set)
  process.stderr.write(`${collection.name}: ${title}\n`)
  const { result, rows, forwardPasses } = await compute(studies, options.jobs)
  const shown = await record(
    studies.map(({ study }) => study),
    rows,
  )
  process.stderr.write(`${summary(result, forwardPasses, (performance.now() - start) / 1000)}\n`)
  if (options.json === true) {
    const { counts, interrupted, seconds } = result
    const boards = shown.map(({ study, board }) => ({ study: study.name, leaderboard: board }))
    const [only] = boards
    const about = { counts, interrupted, seconds, forwardPasses }
    const report =
      studies.length === 1 ? { ...about, ...only } : { collection: collection.name, ...about, studies: boards }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } else {
    for (const { study, board, paper } of shown) {
      if (studies.length > 1) process.stdout.write(`\n${study.name}: ${study.title}\n`)
      process.stdout.write(leaderboardText(board, 'table', paper, study.name))
    }
  }
  reportFailures(result)
}

async function compute(studies: readonly PlacedStudy[], jobs: string | undefined): Promise<StudiesRun> {
  await using session = await openSession(jobs)
  const { cache, executor, signal } = session
  const progress = new Progress(process.stderr)
  try {
    return await runStudies(studies, {
      cache,
      executor,
      signal,
      onEvent: progress.onEvent,
      pull: modelPuller(process.stderr, signal),
      version: packageJson.version,
    })
  } finally {
    progress.stop()
  }
}

interface Shown {
  readonly study: ExpandedStudy
  readonly board: readonly LeaderboardRow[]
  readonly paper: readonly PublishedRow[]
}

/** Record what has finished, and read the leaderboards of those studies of which anything has. */
async function record(studies: readonly ExpandedStudy[], rows: ResultRows): Promise<Shown[]> {
  const shown: Shown[] = []
  const finished = new Set(rows.curvePoints?.map(({ study }) => study))
  const { notices } = await recordRows(isthmusHome().directory, rows, {
    async afterwards(results) {
      for (const study of studies.filter(({ name }) => finished.has(name))) {
        const board = await leaderboard(results, { study: study.name })
        shown.push({ study, board, paper: await published(results, study.name) })
      }
    },
  })
  for (const notice of notices) process.stderr.write(`${notice}\n`)
  return shown
}

function summary({ counts, interrupted }: RunResult, passes: ForwardPasses, seconds: number): string {
  const parts = [`${counts.ran} computed`, `${counts.cached} from the cache`]
  if (counts.failed > 0) parts.push(`${counts.failed} failed`)
  if (counts.skipped > 0) parts.push(`${counts.skipped} not run because of a failure`)
  if (counts.interrupted > 0) parts.push(`${counts.interrupted} interrupted`)
  const { distinct, unshared } = passes
  return (
    `${counts.total} steps: ${parts.join(', ')}; ${formatSeconds(seconds)}${interrupted ? '; run again to go on' : ''}\n` +
    `${distinct} forward passes over a text, where every curve by itself would take ${unshared}: ${unshared - distinct} saved by sharing`
  )
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

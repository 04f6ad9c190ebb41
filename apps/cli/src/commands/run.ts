import type { Node } from '@isthmus/dataflow'
import {
  type EvaluationUse,
  evaluationUse,
  type LeaderboardRow,
  leaderboard,
  type PublishedRow,
  published,
  type ResultRows,
  recordRows,
} from '@isthmus/results'
import { type ExpandedStudy, type ForwardPasses, runStudies } from '@isthmus/study'
import { computeRun, type RunOptions } from '../compute-run.ts'
import { isthmusHome } from '../home.ts'
import { recordResults } from '../home-results.ts'
import { leaderboardText } from '../leaderboard-table.ts'
import { modelPuller } from '../pull-model.ts'
import { readStudies } from '../read-study.ts'
import { rerunCommand } from '../rerun-command.ts'
import { reportFailures, stepsSummary } from '../run-summary.ts'
import { shellQuote } from '../shell-quote.ts'
import { joinTeam, type Team } from '../team.ts'
import { trainFamily } from '../train-family.ts'

/** `isthmus run`: compute a study or a collection of them, record it, show the leaderboards; or train a family. */
export async function runCommand(name: string, options: RunOptions): Promise<void> {
  const start = performance.now()
  const read = await readStudies(name, options.set)
  process.stderr.write(`${read.name}: ${read.title}\n`)
  const rerun = (node: Node) => rerunCommand(name, options, node)
  if (read.kind === 'family') return trainFamily(read, options, rerun)
  const { studies, ...collection } = read
  const team = await joinTeam(options)
  const { result, rows, forwardPasses } = await computeRun(read.name, options, team, (run) =>
    runStudies(studies, { ...run, recorder: recorderFor(team), pull: modelPuller(process.stderr, run.signal) }),
  )
  const shown = await record(
    studies.map(({ study }) => study),
    rows,
  )
  team?.addRows(rows)
  await team?.finish(result)
  const seconds = (performance.now() - start) / 1000
  const sharing = options.only.length === 0 ? `${describeSharing(forwardPasses)}\n` : ''
  process.stderr.write(`${stepsSummary(result, seconds)}\n${sharing}`)
  if (options.json === true) {
    const { counts, interrupted, seconds } = result
    const boards = shown.map(({ study, board, use }) => ({
      ...{ study: study.name, leaderboard: board },
      ...(use.length === 0 ? {} : { evaluation: use }),
    }))
    const [only] = boards
    const about = { counts, interrupted, seconds, forwardPasses }
    const report =
      studies.length === 1 ? { ...about, ...only } : { collection: collection.name, ...about, studies: boards }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } else {
    for (const { study, board, paper, use } of shown) {
      if (studies.length > 1) process.stdout.write(`\n${study.name}: ${study.title}\n`)
      process.stdout.write(leaderboardText(board.slice(0, shownRows), 'table', paper, study.name, use))
      const hidden = board.length - shownRows
      if (hidden > 0) {
        const command = `npx isthmus leaderboard --study ${shellQuote(study.name)}`
        process.stdout.write(`${hidden} more rows are not shown here: ${command} has all, --by groups them\n`)
      }
    }
  }
  reportFailures(result, rerun)
}

/** Rows while a run goes on: what cannot be recorded now waits, and the run's end says so. */
function recorderFor(team: Team | undefined) {
  return {
    intervalSeconds: 10,
    async record(rows: ResultRows) {
      await recordRows(isthmusHome().directory, rows)
      team?.addRows(rows)
    },
  }
}

/** Rows of a leaderboard that are shown when a run ends: a sweep may have thousands. */
const shownRows = 60

interface Shown {
  readonly study: ExpandedStudy
  readonly board: readonly LeaderboardRow[]
  readonly paper: readonly PublishedRow[]
  readonly use: readonly EvaluationUse[]
}

/** Record what has finished, and read the leaderboards of those studies of which anything has. */
async function record(studies: readonly ExpandedStudy[], rows: ResultRows): Promise<Shown[]> {
  const shown: Shown[] = []
  const finished = new Set(rows.curvePoints?.map(({ study }) => study))
  await recordResults(rows, async (results) => {
    for (const study of studies.filter(({ name }) => finished.has(name))) {
      const board = await leaderboard(results, { study: study.name })
      const paper = await published(results, study.name)
      shown.push({ study, board, paper, use: await evaluationUse(results, study.name) })
    }
  })
  return shown
}

function describeSharing({ distinct, unshared }: ForwardPasses): string {
  return (
    `${distinct} forward passes over a text, where every curve by itself would take ${unshared}: ` +
    `${unshared - distinct} saved by sharing`
  )
}

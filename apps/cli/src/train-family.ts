import type { Node } from '@isthmus/dataflow'
import { type PlacedFamily, runFamily } from '@isthmus/study'
import { computeRun, type RunOptions } from './compute-run.ts'
import { formatRows } from './format-rows.ts'
import { recordResults } from './home-results.ts'
import { reportFailures, stepsSummary } from './run-summary.ts'
import { assertFolderIsOurs, saveFamily } from './save-family.ts'
import { joinTeam } from './team.ts'

/** `isthmus run` of a family: train its models, record their curves, write their folders, show what they came to. */
export async function trainFamily(
  placed: PlacedFamily,
  options: Omit<RunOptions, 'set'>,
  rerun: (node: Node) => string,
): Promise<void> {
  const start = performance.now()
  const folder = placed.resolvePath(placed.family.settings.folder)
  for (const seed of placed.family.settings.seeds) await assertFolderIsOurs(folder, seed)
  const team = await joinTeam(options)
  const run = await computeRun(placed.family.name, options, team, (computing) => runFamily(placed, computing))
  const { result } = run
  // In this order, so that rows are of models whose folders are there.
  const saved = await saveFamily(folder, run)
  await recordResults(run.rows)
  team?.addRows(run.rows)
  await team?.finish(result)
  process.stderr.write(`${stepsSummary(result, (performance.now() - start) / 1000)}\n`)
  const models = saved.map(({ folder, training }) => {
    const { seed, steps, tokens, trainingLoss, validationLoss, seconds } = training
    return { folder, seed, steps, tokens, trainingLoss, validationLoss, seconds }
  })
  if (options.json === true) {
    const { counts, interrupted, seconds } = result
    const report = { study: placed.family.name, counts, interrupted, seconds, models }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } else if (models.length > 0) {
    const columns = ['seed', 'steps', 'training loss', 'validation loss', 'seconds']
    const rows = models.map((model) => [
      ...[model.seed, model.steps, model.trainingLoss, model.validationLoss],
      Math.round(model.seconds),
    ])
    process.stdout.write(
      `${formatRows({ columns, rows }, 'table')}losses: mean −ln p of what is predicted (nats); the models are in ${folder}\n`,
    )
  }
  reportFailures(result, rerun)
}

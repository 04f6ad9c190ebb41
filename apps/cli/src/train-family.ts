import { recordRows } from '@isthmus/results'
import { type FamilyRun, type PlacedFamily, runFamily } from '@isthmus/study'
import packageJson from '../package.json' with { type: 'json' }
import type { RunOptions } from './commands/run.ts'
import { formatRows } from './format-rows.ts'
import { isthmusHome } from './home.ts'
import { Progress } from './progress.ts'
import { reportFailures, stepsSummary } from './run-summary.ts'
import { assertFolderIsOurs, type SavedModel, saveFamily } from './save-family.ts'
import { openSession } from './session.ts'

/** `isthmus run` of a family: train its models, record their curves, write their folders, show what they came to. */
export async function trainFamily(placed: PlacedFamily, options: Omit<RunOptions, 'set'>): Promise<void> {
  const start = performance.now()
  const folder = placed.resolvePath(placed.family.settings.folder)
  for (const seed of placed.family.settings.seeds) await assertFolderIsOurs(folder, seed)
  const { saved, result } = await compute(placed, folder, options)
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
  reportFailures(result)
}

/** Train, write and record, in this order: rows are of models whose folders are there. */
async function compute(
  placed: PlacedFamily,
  folder: string,
  options: Omit<RunOptions, 'set'>,
): Promise<{ readonly saved: readonly SavedModel[]; readonly result: FamilyRun['result'] }> {
  await using session = await openSession(options)
  const { cache, executor, signal } = session
  const progress = new Progress(process.stderr)
  let run: FamilyRun
  try {
    run = await runFamily(placed, {
      cache,
      executor,
      signal,
      onEvent: progress.onEvent,
      version: packageJson.version,
      tag: options.tag ?? null,
    })
  } finally {
    progress.stop()
  }
  const saved = await saveFamily(folder, run)
  const { notices } = await recordRows(isthmusHome().directory, run.rows)
  for (const notice of notices) process.stderr.write(`${notice}\n`)
  return { saved, result: run.result }
}

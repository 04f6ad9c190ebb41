import { evaluationUse, leaderboard, published } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { rowFormat } from '../format-rows.ts'
import { readResults } from '../home-results.ts'
import { leaderboardText } from '../leaderboard-table.ts'

/** `isthmus leaderboard`. */
export async function leaderboardCommand(options: {
  readonly study?: string
  readonly by?: string
  readonly format: string
}): Promise<void> {
  const format = rowFormat(options.format)
  await readResults(async (results) => {
    const rows = await leaderboard(results, {
      ...(options.study === undefined ? {} : { study: options.study }),
      ...(options.by === undefined ? {} : { by: options.by.split(',').map((name) => name.trim()) }),
    })
    if (rows.length === 0 && options.study !== undefined) throw comparesNothing(options.study)
    const use = await evaluationUse(results, options.study)
    process.stdout.write(leaderboardText(rows, format, await published(results), options.study, use))
  })
}

function comparesNothing(study: string): UserError {
  return new UserError(
    `study '${study}' compares no models, for it trains them, or nothing of it has finished: see isthmus plot ` +
      `training-curves --study ${study}, or run a study of its models, isthmus run quickstart --set family=…`,
  )
}

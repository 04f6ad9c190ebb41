import type { RunResult } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { formatSeconds } from './progress.ts'

/** What became of the steps of a run, in one line. */
export function stepsSummary({ counts, interrupted }: RunResult, seconds: number): string {
  const parts = [`${counts.ran} computed`, `${counts.cached} from the cache`]
  if (counts.failed > 0) parts.push(`${counts.failed} failed`)
  if (counts.skipped > 0) parts.push(`${counts.skipped} not run because of a failure`)
  if (counts.interrupted > 0) parts.push(`${counts.interrupted} interrupted`)
  return (
    `${counts.total} steps: ${parts.join(', ')}; ${formatSeconds(seconds)}` +
    `${interrupted ? '; run again to go on' : ''}`
  )
}

/** Say why nodes failed, each cause once, and set the exit code. */
export function reportFailures({ failures, interrupted }: RunResult): void {
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

import type { Node, NodeFailure, RunResult } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { formatSeconds } from './progress.ts'

/** What became of the steps of a run, in one line. */
export function stepsSummary({ counts, interrupted, limited }: RunResult, seconds: number): string {
  const parts = [`${counts.ran} computed`, `${counts.cached} from the cache`]
  if (counts.failed > 0) parts.push(`${counts.failed} failed`)
  if (counts.skipped > 0) parts.push(`${counts.skipped} not run because of a failure`)
  if (counts.interrupted > 0) parts.push(`${counts.interrupted} ${limited ? 'left' : 'interrupted'}`)
  const ended = limited ? `; stopped after ${counts.ran + counts.failed} steps by --limit` : ''
  return (
    `${counts.total} steps: ${parts.join(', ')}; ${formatSeconds(seconds)}${ended}` +
    `${interrupted ? '; run again to go on' : ''}`
  )
}

/** Causes that are shown of the failures of a run. */
const shownCauses = 10

/** Say why nodes failed, each cause once, with the command that runs one of its nodes again; and set the exit code.
 *
 *  @param rerun The command for a node.
 */
export function reportFailures({ failures, interrupted, limited }: RunResult, rerun: (node: Node) => string): void {
  const causes = failureCauses(failures)
  for (const [first, ...others] of causes.slice(0, shownCauses)) {
    const { node, error } = first!
    const text = error instanceof UserError ? error.message : (error.stack ?? error.message)
    const more = others.length > 0 ? `\n  … and ${others.length} more with the same cause` : ''
    process.stderr.write(`isthmus: '${node.label}' failed: ${text}${more}\n  again, by itself: ${rerun(node)}\n`)
  }
  if (causes.length > shownCauses) {
    const hidden = causes.slice(shownCauses)
    process.stderr.write(
      `isthmus: … and ${hidden.flat().length} more failed by ${hidden.length} other causes; --max-failures 1 ends a run at its first failure\n`,
    )
  }
  if (failures.length > 0) process.exitCode = failures.every(({ error }) => error instanceof UserError) ? 2 : 1
  else if (interrupted && !limited) process.exitCode = 130
}

/** Failures by what they say, in the order in which they happened. */
function failureCauses(failures: readonly NodeFailure[]): NodeFailure[][] {
  const causes = new Map<string, NodeFailure[]>()
  for (const failure of failures) {
    const text = `${failure.error.name}: ${failure.error.message}`
    const known = causes.get(text)
    if (known === undefined) causes.set(text, [failure])
    else known.push(failure)
  }
  return [...causes.values()]
}

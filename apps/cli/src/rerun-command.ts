import type { Node } from '@isthmus/dataflow'
import { nodePattern } from '@isthmus/study'
import type { RunOptions } from './compute-run.ts'
import { shellQuote } from './shell-quote.ts'

/** The command that runs one step of a run again, and nothing else that is cached, in the foreground.
 *
 *  @param name Of the study, as it was given.
 */
export function rerunCommand(
  name: string,
  { set, cacheFrom = [], remote }: Pick<RunOptions, 'set' | 'cacheFrom' | 'remote'>,
  node: Node,
): string {
  const words = [
    ...['npx', 'isthmus', 'run', name],
    ...set.flatMap((setting) => ['--set', setting]),
    ...cacheFrom.flatMap((folder) => ['--cache-from', folder]),
    ...(remote === undefined ? [] : ['--remote', remote]),
    ...['--only', nodePattern(node), '--foreground'],
  ]
  return words.map(shellQuote).join(' ')
}

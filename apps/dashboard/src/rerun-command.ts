import { flatten, parseJson } from './format.ts'
import type { ResultName } from './result-name.ts'
import type { Value } from './server.ts'

/** The command that computes a result again, and nothing else of its study that is not cached.
 *
 *  @param settings What the study varies for it.
 *  @param models The names of A and B.
 */
export function rerunCommand(
  { study, method }: ResultName,
  settings: Value,
  models: readonly [string, string],
): string {
  const set = Object.entries(flatten(parseJson(settings))).flatMap(([name, value]) => [
    '--set',
    `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ])
  const words = ['npx', 'isthmus', 'run', study, ...set, '--only', `*${models[0]} and ${models[1]} by ${method} *`]
  return words.map(shellQuote).join(' ')
}

/** A word that a POSIX shell reads as it is. */
function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

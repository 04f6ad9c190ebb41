import type { ResultName } from './result-name.ts'
import type { Value } from './server.ts'

/** What of a result says how it is made again. */
export interface Rerun {
  /** Settings to give, by their dotted names: those that the study varies, or all. */
  readonly settings: Readonly<Record<string, Value>>
  /** The names of A and B. */
  readonly models: readonly [string, string]
  /** Whether losses are taken on a task. */
  readonly isTask: boolean
}

/** The command that computes a result again: the points of its curve, its ends, and what they need, of which what is cached
 *  is not computed.
 *
 *  Steps are chosen by their labels, as `isthmus run --only` does: the study is not here, so that their identities are
 *  not known.
 */
export function rerunCommand({ study, method }: ResultName, { settings, models, isTask }: Rerun): string {
  const patterns = [
    `*${models[0]} and ${models[1]} by ${method} *`,
    ...models.map((name) => `*loss of ${name}${isTask ? ' on *' : ''}`),
  ]
  const words = [
    ...['npx', 'isthmus', 'run', study],
    ...Object.entries(settings).flatMap(([name, value]) => [
      '--set',
      `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]),
    ...patterns.flatMap((pattern) => ['--only', pattern]),
  ]
  return words.map(shellQuote).join(' ')
}

/** A word that a POSIX shell reads as it is. */
function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

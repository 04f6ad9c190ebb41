import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import { hrefOf } from './address.ts'
import type { Row } from './server.ts'

/** What names one result: a curve of a study's current run. */
export interface ResultName {
  readonly study: string
  readonly variant: string
  readonly pair: string
  readonly method: string
}

/** The columns of a name. */
export const nameColumns = ['study', 'variant', 'pair', 'method'] as const

/** A row that says which result it is of. */
export type NamedRow = Row & ResultName

const separator = '~'

/** A result in one word, for addresses. */
export function encodeResult({ study, variant, pair, method }: ResultName): string {
  const escaped = [study, variant, pair, method].map((part) => part.replaceAll('%', '%25').replaceAll('~', '%7E'))
  return escaped.join(separator)
}

/** @returns null where the word names none. */
export function decodeResult(word: string): ResultName | null {
  const parts = word.split(separator)
  if (parts.length !== 4) return null
  const [study, variant, pair, method] = parts.map((part) => part.replaceAll(/%7E/g, '~').replaceAll('%25', '%')) as [
    string,
    string,
    string,
    string,
  ]
  return { study, variant, pair, method }
}

/** What notes and tags of a result are kept under. `resultSubjectSql` is the same in SQL. */
export function resultSubject({ study, variant, pair, method }: ResultName): string {
  return `result:${JSON.stringify([study, variant, pair, method])}`
}

export const resultSubjectSql = `'result:' || cast(json_array(study, variant, pair, method) as varchar)`

/** The condition that a row is of this result. */
export function isResult({ study, variant, pair, method }: ResultName): string {
  return (
    `study = ${quoteLiteral(study)} and variant = ${quoteLiteral(variant)} and ` +
    `pair = ${quoteLiteral(pair)} and method = ${quoteLiteral(method)}`
  )
}

/** The link to the page of a result. */
export function resultHref({ study, variant, pair, method }: ResultName): string {
  return hrefOf('result', { study, variant, pair, method })
}

/** A result for reading. */
export function resultLabel({ study, variant, pair, method }: ResultName): string {
  return [study, variant, pair.replace('|', ' → '), method].filter((part) => part !== '').join(' · ')
}

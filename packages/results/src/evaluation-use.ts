import type { Results } from './open-results.ts'

/** What evaluating a study took that takes its barriers to a precision: all of its curves that share one. */
export interface EvaluationUse {
  readonly study: string
  /** How narrow the interval of each barrier was to be, in nats. */
  readonly precision: number
  readonly confidence: number
  readonly curves: number
  /** The widest of the intervals, in nats. */
  readonly widest: number
  /** Tokens, or images, that models were evaluated on, summed over λ and curves. */
  readonly tokens: number
  /** The same if each λ had been evaluated on all. */
  readonly tokens_in_all: number
}

/** What evaluating the current runs took, by study and precision; nothing of studies whose losses are taken on all blocks.
 *
 *  @param study Only this one.
 */
export async function evaluationUse(results: Results, study?: string): Promise<EvaluationUse[]> {
  return results.query<EvaluationUse>(
    `select study, precision, confidence, count(*) as curves, max(high - low) as widest,
            sum(tokens)::bigint as tokens, sum(tokens_in_all)::bigint as tokens_in_all
     from barrier_estimate where $1 is null or study = $1
     group by study, precision, confidence order by study, precision, confidence`,
    [study ?? null],
  )
}

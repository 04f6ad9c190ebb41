import { type Agreement, agreementOf } from './agreement.ts'
import { type Authors, runSide, type Side, sides } from './run-side.ts'
import type { SideRequest, SideResult } from './side.ts'

/** The runs of both sides, in the order in which they were made, and how far apart the results are. */
export interface PairComparison {
  readonly ours: readonly SideResult[]
  readonly theirs: readonly SideResult[]
  readonly agreement: Agreement
}

/** What both sides compute. */
export type PairTask = Omit<SideRequest, 'checkout' | 'alignment' | 'result'>

/** Have both sides compute the same in turn; which of them begins alternates.
 *
 *  @param folder Where they may leave files.
 *  @param onRun Called after each run with the seconds that went by from its process's start to its end.
 */
export async function comparePair(
  authors: Authors,
  task: PairTask,
  repeat: number,
  folder: string,
  onRun: (side: Side, seconds: number) => void = () => undefined,
): Promise<PairComparison> {
  const results: Record<Side, SideResult[]> = { ours: [], theirs: [] }
  const alignments = new Map<Side, string>()
  for (let round = 0; round < repeat; round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      const { result, alignment, seconds } = await runSide(side, authors, task, folder)
      onRun(side, seconds)
      results[side].push(result)
      alignments.set(side, alignment)
    }
  }
  const written = (side: Side) => ({ alignment: alignments.get(side)!, losses: results[side].at(-1)!.losses })
  return { ...results, agreement: await agreementOf(written('ours'), written('theirs')) }
}

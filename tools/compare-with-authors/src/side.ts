import { readFile } from 'node:fs/promises'
import { z } from 'zod'

/** What either side does, in the order in which it is done. Reading models and compiling is `load`. */
export const phaseNames = [
  'load',
  'capture',
  'correlation',
  'matching',
  'apply',
  'interpolation',
  'evaluation',
] as const

export type PhaseName = (typeof phaseNames)[number]

/** What both sides are asked to compute: the file that a side is started with. */
export interface SideRequest {
  /** The checkout of the authors' repository; ours does without. */
  readonly checkout: string
  /** The folders of A and B. */
  readonly models: readonly [string, string]
  /** A method of `@isthmus/alignment`, by its canonical name. */
  readonly method: string
  /** Safetensors: the sentences as `tokens` and `lengths`, the masked blocks as `input_ids` and `labels`. */
  readonly work: string
  readonly lambdas: readonly number[]
  /** Threads of the authors' side within one operation. */
  readonly threads: number
  /** Where the side writes its correlations, `correlation|site`, and permutations, `permutation|site`; none for
   *  `vanilla`. A site is one of our feature sets, which has the name of its axis, such as `ffn.0`.
   */
  readonly alignment: string
  /** Where it writes its `SideResult`. */
  readonly result: string
}

export const seconds = z.object({ processor: z.number(), wall: z.number() })

/** Seconds that all threads of a process computed, and seconds that went by. */
export type Seconds = z.infer<typeof seconds>

/** The sum of some times. */
export function sumOf(times: readonly Seconds[]): Seconds {
  return times.reduce((sum, { processor, wall }) => ({ processor: sum.processor + processor, wall: sum.wall + wall }), {
    processor: 0,
    wall: 0,
  })
}

const sideResult = z.object({
  phases: z.partialRecord(z.enum(phaseNames), seconds),
  /** −ln p, the mean over all masked positions alike, at each λ. */
  losses: z.array(z.number()),
  versions: z.record(z.string(), z.string()),
})

/** What a side came to. */
export type SideResult = z.infer<typeof sideResult>

export async function readSideResult(path: string): Promise<SideResult> {
  return sideResult.parse(JSON.parse(await readFile(path, 'utf8')))
}

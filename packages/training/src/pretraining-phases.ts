import { UserError } from '@isthmus/tensor'
import { z } from 'zod'

const phase = {
  /** What is predicted: at every position the next token, from those before; or masked tokens, from all others. */
  objective: z.enum(['nextToken', 'maskedLanguageModel']),
  /** Tokens a block, [CLS] and [SEP] included. */
  blockLength: z.int().min(3),
  /** Whether a step's blocks stand at a random place among the positions of the model, the same for all of them, so that
   *  short blocks train every position; else from the first.
   */
  randomPosition: z.boolean(),
}

/** A part of a pretraining in which every step is taken alike. */
export const pretrainingPhase = z.strictObject({
  /** The number of steps after which it ends, counted from the start of the training. */
  until: z.int().positive(),
  ...phase,
})

export type PretrainingPhase = z.infer<typeof pretrainingPhase>

/** A phase as a recipe has it, for any number of steps. */
export const scheduledPhase = z.strictObject({
  /** Where it ends: up to 1, the part of all steps; above, a number of steps. */
  until: z
    .number()
    .positive()
    .refine((until) => until <= 1 || Number.isInteger(until), {
      message: 'expected a part of the steps up to 1, or a whole number of steps',
    }),
  ...phase,
})

export type ScheduledPhase = z.infer<typeof scheduledPhase>

/** The phases of a training of some length; one that is over before it begins is left out.
 *
 *  @throws {UserError} when the schedule ends before the training does.
 */
export function phasesWithin(schedule: readonly ScheduledPhase[], steps: number): PretrainingPhase[] {
  const phases: PretrainingPhase[] = []
  for (const { until, ...phase } of schedule) {
    const end = Math.min(steps, until <= 1 ? Math.round(until * steps) : until)
    if (end > (phases.at(-1)?.until ?? 0)) phases.push({ until: end, ...phase })
  }
  const end = phases.at(-1)?.until ?? 0
  if (end === steps) return phases
  throw new UserError(
    `the phases end after ${end} of ${steps} steps: set until=1 in the last, which then goes on to the end`,
  )
}

import type { OperationContext } from '@isthmus/dataflow'
import { type TrainedModel, type TrainingOptions, train } from '@isthmus/training'

/** How often a training that lasts is put by. */
const stateMinutes = 2

/** Train as an operation: it shows how far it is, ends when the run is interrupted, and goes on from where it was. */
export async function trainResumably(
  context: OperationContext,
  options: Omit<TrainingOptions, 'state' | 'onStep' | 'signal'>,
): Promise<TrainedModel> {
  return train({
    ...options,
    state: { path: await context.partial('state'), minutes: stateMinutes },
    onStep: (done, total) => context.progress(done, total),
    signal: context.signal,
  })
}

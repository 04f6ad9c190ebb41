import { defineOperation, one } from '@isthmus/dataflow'
import { graphOf } from '@isthmus/model'
import { initialParameters, type PretrainingPhase, pretrainingPhase, train } from '@isthmus/training'
import { z } from 'zod'
import { tokenizerArtifact, tokenStreamArtifact } from './artifacts.ts'
import { openBatches, type PretrainingParams, pretrainingParams } from './pretrain.ts'
import { assertEngineVersion } from './runtime.ts'

/** Steps that are taken before any is measured: the first allocate memory and choose algorithms. */
const warmUpSteps = 3
const measuredSteps = 15

/** What the time of a step depends on, of one model. */
const stepKind = { objective: pretrainingPhase.shape.objective, blockLength: pretrainingPhase.shape.blockLength }

/** A kind of step, and the median of its time: seconds of one core, or of the GPU. */
export interface MeasuredStep extends Pick<PretrainingPhase, 'objective' | 'blockLength'> {
  readonly seconds: number
}

/** Measure what the steps of a pretraining take, one kind for each of its phases: a property of this machine, measured once and then kept, so
 *  that a training whose length was given in minutes has the same number of steps when it is asked for again.
 */
export const stepSeconds = defineOperation({
  id: 'training.step-seconds',
  version: 1,
  inputs: { tokens: one(tokenStreamArtifact), tokenizer: one(tokenizerArtifact) },
  params: pretrainingParams.omit({ recordEvery: true, validateEvery: true }),
  value: z.object({ kinds: z.array(z.object({ ...stepKind, seconds: z.number() })) }),
  async run(context, { tokens, tokenizer }, params) {
    assertEngineVersion(params.engine)
    const kinds: MeasuredStep[] = []
    for (const [done, phase] of params.phases.entries()) {
      context.progress(done, params.phases.length)
      const steps = warmUpSteps + measuredSteps
      const batch = await openBatches(tokens, tokenizer, { ...params, phases: [{ ...phase, until: steps }] })
      const seconds = await measure(batch, { ...params, recipe: { ...params.recipe, steps } })
      kinds.push({ objective: phase.objective, blockLength: phase.blockLength, seconds })
    }
    return { kinds }
  },
})

/** The median time of a step. */
async function measure(
  batch: Awaited<ReturnType<typeof openBatches>>,
  {
    config,
    initialization,
    recipe,
    engine,
  }: Pick<PretrainingParams, 'config' | 'initialization' | 'recipe' | 'engine'>,
): Promise<number> {
  const clock = engine.executionProvider === 'tensorflow-gpu' ? () => performance.now() / 1000 : cpuSeconds
  const times = [clock()]
  await train({
    parameters: initialParameters(graphOf(config, 'config.json', { padding: false }), initialization, recipe.seed),
    recipe,
    executionProvider: engine.executionProvider,
    batch,
    recordEvery: recipe.steps,
    onStep: () => times.push(clock()),
  })
  const own = times.slice(1).map((time, i) => time - times[i]!)
  return own.slice(warmUpSteps).toSorted((a, b) => a - b)[Math.floor(measuredSteps / 2)]!
}

/** Of this process: what a step costs does not depend on what else the machine does, nor on how many cores help. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** The greatest number of steps that take no more than some minutes; at least one.
 *
 *  @param kinds Of all phases that `phasesOf` gives, the phases of a training of a number of steps.
 */
export function stepsIn(
  minutes: number,
  kinds: readonly MeasuredStep[],
  phasesOf: (steps: number) => readonly PretrainingPhase[],
): number {
  const secondsOf = ({ objective, blockLength }: PretrainingPhase) =>
    kinds.find((kind) => kind.objective === objective && kind.blockLength === blockLength)!.seconds
  const total = (steps: number) =>
    phasesOf(steps).reduce((sum, phase, i, all) => sum + (phase.until - (all[i - 1]?.until ?? 0)) * secondsOf(phase), 0)
  let [low, high] = [1, Math.ceil((60 * minutes) / Math.min(...kinds.map(({ seconds }) => seconds))) + 2]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (total(middle) <= 60 * minutes) low = middle
    else high = middle
  }
  return low
}

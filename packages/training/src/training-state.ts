import { existsSync } from 'node:fs'
import { openSafetensors, type TensorToWrite, writeSafetensors } from '@isthmus/checkpoint'
import { type Tensor, UserError } from '@isthmus/tensor'
import type { GradientMoments } from './adamw.ts'
import type { TrainingCurvePoint } from './training-curve.ts'

/** Where a training is after some steps: with the recipe and the data, all that the rest of it depends on. */
export interface TrainingState {
  /** Updates made. */
  readonly steps: number
  readonly parameters: ReadonlyMap<string, Tensor>
  readonly moments: ReadonlyMap<string, GradientMoments>
  readonly curve: readonly TrainingCurvePoint[]
  /** The losses of the steps since the last point of the curve. */
  readonly losses: readonly number[]
}

const format = 'isthmus-training-state'

/** Write a state, whole or not at all. */
export async function writeTrainingState(path: string, state: TrainingState): Promise<void> {
  const { steps, parameters, moments, curve, losses } = state
  const tensors = [...parameters].flatMap(([name, { shape, data }]): TensorToWrite[] => {
    const { first, second } = moments.get(name)!
    return [
      { name: `parameter ${name}`, dtype: 'F32', shape, data },
      { name: `first ${name}`, dtype: 'F32', shape, data: first },
      { name: `second ${name}`, dtype: 'F32', shape, data: second },
    ]
  })
  await writeSafetensors(path, tensors, {
    format,
    steps: String(steps),
    curve: JSON.stringify(curve),
    losses: JSON.stringify(losses),
  })
}

/** Read what `writeTrainingState` wrote; null where there is no file.
 *
 *  @param shapes Of the parameters that are trained.
 *  @throws {UserError} naming the file when it is damaged, or is of another model.
 */
export async function readTrainingState(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<TrainingState | null> {
  if (!existsSync(path)) return null
  await using file = await openSafetensors(path)
  const isOf = [...shapes].every(([name, shape]) => {
    const stored = file.tensors.get(`parameter ${name}`)?.shape
    return stored?.length === shape.length && shape.every((size, axis) => size === stored[axis])
  })
  if (file.metadata.format !== format || !isOf || file.tensors.size !== 3 * shapes.size) {
    throw new UserError(`${path} is no state of this training: remove it, so that the training starts anew`)
  }
  const parameters = new Map<string, Tensor>()
  const moments = new Map<string, GradientMoments>()
  for (const name of shapes.keys()) {
    parameters.set(name, await file.read(`parameter ${name}`))
    const [first, second] = [await file.read(`first ${name}`), await file.read(`second ${name}`)]
    moments.set(name, { first: first.data, second: second.data })
  }
  return {
    steps: Number(file.metadata.steps),
    parameters,
    moments,
    curve: JSON.parse(file.metadata.curve!) as TrainingCurvePoint[],
    losses: JSON.parse(file.metadata.losses!) as number[],
  }
}

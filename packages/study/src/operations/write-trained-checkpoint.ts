import { writeFile } from 'node:fs/promises'
import { writeSafetensors } from '@isthmus/checkpoint'
import type { OperationContext } from '@isthmus/dataflow'
import type { Graph } from '@isthmus/model'
import type { TrainedModel } from '@isthmus/training'
import type { TrainedCheckpointValue } from './artifacts.ts'

/** Write what a training came to as the blobs `config.json` and `model.safetensors`, f32.
 *
 *  @param graph Of the model: which parameters it has.
 *  @returns The value of the operation that trained it.
 */
export async function writeTrainedCheckpoint(
  context: OperationContext,
  config: Readonly<Record<string, unknown>>,
  graph: Graph,
  { parameters, curve }: TrainedModel,
): Promise<TrainedCheckpointValue> {
  await writeFile(await context.createBlob('config.json'), `${JSON.stringify(config, null, 2)}\n`)
  await writeSafetensors(
    await context.createBlob('model.safetensors'),
    graph.parameters.map(({ name, shape }) => ({
      name,
      dtype: 'F32' as const,
      shape,
      data: parameters.get(name)!.data,
    })),
    { format: 'pt' },
  )
  return { kind: 'checkpoint', steps: curve.at(-1)!.step, curve: [...curve] }
}

import { readMaskedBlocks } from '@isthmus/corpus'
import type { Node } from '@isthmus/dataflow'
import type { StudiesRun } from '../src/index.ts'

/** The masked blocks on which the losses of a run's first curve were taken. */
export async function readMaskedBlocksOf({ plans, result }: StudiesRun) {
  const [point] = plans[0]!.curves[0]!.points
  const blocks = point!.node.inputs.blocks as Node
  return readMaskedBlocks(await result.artifact(blocks).path('blocks'))
}

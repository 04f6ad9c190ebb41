import { fileURLToPath } from 'node:url'
import { Checkpoint } from '@isthmus/checkpoint'

/** The folder of the released code's inputs and results. */
export const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url))

/** Open one of the models that ship with the repository, e.g. `seed-1`. */
export function openShippedModel(name: string): Promise<Checkpoint> {
  return Checkpoint.open(fileURLToPath(new URL(`../../../datasets/models/${name}`, import.meta.url)))
}

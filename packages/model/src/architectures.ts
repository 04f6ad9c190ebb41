import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import { type BertOptions, bert, bertConfig } from './architectures/bert.ts'
import type { Graph } from './graph.ts'
import { parseConfig } from './parse-config.ts'

/** Choices about a graph that `config.json` does not make. */
export type ArchitectureOptions = BertOptions

/** A family of models whose forward pass is known. */
export interface Architecture {
  /** `model_type` in `config.json`. */
  readonly modelType: string
  readonly reference: string
  /** Build the graph that belongs to the content of a `config.json`, which `where` names in errors. */
  build(configJson: unknown, where: string, options: ArchitectureOptions): Graph
}

/** The architectures that can be merged. Adding one: a file in `architectures/` and an entry here. */
export const architectures: readonly Architecture[] = [
  {
    modelType: 'bert',
    reference: 'Devlin et al. (2019), arXiv 1810.04805',
    build: (configJson, where, options) => bert(bertConfig(configJson, where), options),
  },
]

/** Build the graph of a model from the content of its `config.json`, by its `model_type`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} when the architecture is not among {@link architectures}, or naming the field that does not fit.
 */
export function graphOf(configJson: unknown, where: string, options: ArchitectureOptions = {}): Graph {
  const { model_type: modelType } = parseConfig(z.object({ model_type: z.string() }), configJson, where)
  const architecture = architectures.find((candidate) => candidate.modelType === modelType)
  if (architecture === undefined) {
    const known = architectures.map((candidate) => candidate.modelType).join(', ')
    throw new UserError(`${where}: model_type is '${modelType}', but the architectures known here are: ${known}`)
  }
  return architecture.build(configJson, where, options)
}

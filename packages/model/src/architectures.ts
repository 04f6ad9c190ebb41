import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import type { ArchitectureOptions } from './architecture-options.ts'
import { bert, bertConfig } from './architectures/bert.ts'
import { distilbert, distilbertConfig } from './architectures/distilbert.ts'
import { gpt2, gpt2Config } from './architectures/gpt2.ts'
import { roberta, robertaConfig } from './architectures/roberta.ts'
import { vit, vitConfig } from './architectures/vit.ts'
import type { Graph } from './graph.ts'
import { parseConfig } from './parse-config.ts'

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
  {
    modelType: 'roberta',
    reference: 'Liu et al. (2019), arXiv 1907.11692',
    build: (configJson, where, options) => roberta(robertaConfig(configJson, where), options),
  },
  {
    modelType: 'distilbert',
    reference: 'Sanh et al. (2019), arXiv 1910.01108',
    build: (configJson, where, options) => distilbert(distilbertConfig(configJson, where), options),
  },
  {
    modelType: 'gpt2',
    reference: 'Radford et al. (2019), Language Models are Unsupervised Multitask Learners',
    build: (configJson, where, options) => gpt2(gpt2Config(configJson, where), options),
  },
  {
    modelType: 'vit',
    reference: 'Dosovitskiy et al. (2021), arXiv 2010.11929',
    build: (configJson, where, options) => vit(vitConfig(configJson, where), options),
  },
]

/** Build the graph of a model from the content of its `config.json`: the architecture by its `model_type`, the head by its
 *  `architectures`.
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

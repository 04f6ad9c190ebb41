import { saveCheckpoint } from '@isthmus/checkpoint'
import { type Graph, graphOf, randomParameters } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import type { ParameterReader } from '../src/index.ts'

/** `config.json` of a BERT of two layers, small enough to interpret. */
export const smallConfig = {
  model_type: 'bert',
  hidden_size: 6,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 5,
  vocab_size: 11,
  max_position_embeddings: 7,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
  tie_word_embeddings: true,
}

/** The graph of a `config.json`, without padding, its decoder as the configuration has it unless one is given. */
export function graphOfConfig(config: Readonly<Record<string, unknown>>, decoder?: 'tied' | 'untied'): Graph {
  return graphOf(config, 'config.json', { padding: false, ...(decoder === undefined ? {} : { decoder }) })
}

/** Random parameters of a graph, as checkpoints hold them: in f32. */
export function randomWeights(graph: Graph, seed: number): Map<string, Tensor> {
  return new Map(
    [...randomParameters(graph, seed)].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data) },
    ]),
  )
}

/** Read parameters from memory, each time into a new buffer, as a checkpoint does. */
export function readerOf(weights: ReadonlyMap<string, Tensor>): ParameterReader {
  return async (name) => {
    const { shape, data } = weights.get(name)!
    return { shape, data: data.slice() }
  }
}

/** Save a model of random weights as a Hugging Face folder. */
export async function saveSmallBert(directory: string, config: Readonly<Record<string, unknown>>, seed: number) {
  const tensors = [...randomWeights(graphOfConfig(config), seed)].map(([name, { shape, data }]) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data,
  }))
  await saveCheckpoint(directory, { config, tensors })
}

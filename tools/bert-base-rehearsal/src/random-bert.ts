import { join } from 'node:path'
import { saveCheckpoint } from '@isthmus/checkpoint'
import { graphOf } from '@isthmus/model'
import { elementCount } from '@isthmus/tensor'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** BERT-base, uncased, as published. */
export const bertBase = {
  architectures: ['BertForMaskedLM'],
  model_type: 'bert',
  hidden_act: 'gelu',
  hidden_size: 768,
  intermediate_size: 3072,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  type_vocab_size: 2,
  vocab_size: 30522,
}

/** Write a checkpoint with random weights, uniform with BERT's initial standard deviation of 0.02; layer norms are 1
 *  and 0 but for as much. One tensor is in memory at a time.
 *
 *  @param tokenizer Folder that the tokenizer files are copied from.
 */
export async function saveRandomBert(folder: string, seed: number, tokenizer: string): Promise<void> {
  const { parameters } = graphOf(bertBase, 'config.json')
  await saveCheckpoint(folder, {
    config: bertBase,
    tensors: parameters.map(({ name, shape }, index) => ({
      name,
      dtype: 'F32' as const,
      shape,
      data: () => randomTensor(name, elementCount(shape), seed * 1000 + index),
    })),
    files: { 'tokenizer.json': { path: join(tokenizer, 'tokenizer.json') } },
  })
}

function randomTensor(name: string, count: number, seed: number): Float32Array {
  const random = xoroshiro128plus(seed)
  const centre = name.endsWith('LayerNorm.weight') ? 1 : 0
  const halfWidth = 0.02 * Math.sqrt(3)
  const data = new Float32Array(count)
  for (let i = 0; i < count; i++) data[i] = centre + (uniformInt(random, -32768, 32767) / 32768) * halfWidth
  return data
}

import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { graphOf } from '@isthmus/model'
import { elementCount } from '@isthmus/tensor'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { saveTorchFile, type TorchTensorToWrite } from './save-torch-file.ts'

/** BERT-base, uncased, as the MultiBERTs are published (Sellam et al., 2022). */
export const bertBase = {
  architectures: ['BertForPreTraining'],
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

const words = 'bert.embeddings.word_embeddings.weight'
const [width, positions] = [bertBase.hidden_size, bertBase.max_position_embeddings]

/** What `BertForPreTraining` stores beside the parameters of a masked language model: the decoder under its own names,
 *  the pooler, the head of next-sentence prediction, and a buffer.
 */
const aliases: Readonly<Record<string, string>> = {
  [words]: 'cls.predictions.decoder.weight',
  'cls.predictions.bias': 'cls.predictions.decoder.bias',
}
const unused: readonly (readonly [string, readonly number[]])[] = [
  ['bert.pooler.dense.weight', [width, width]],
  ['bert.pooler.dense.bias', [width]],
  ['cls.seq_relationship.weight', [2, width]],
  ['cls.seq_relationship.bias', [2]],
]

/** Write a checkpoint as `pytorch_model.bin`, with random weights, uniform with BERT's initial standard deviation of 0.02;
 *  layer norms are 1 and 0 but for as much.
 *
 *  @param tokenizer Folder that `vocab.txt` is copied from.
 */
export async function saveRandomBert(folder: string, seed: number, tokenizer: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await copyFile(join(tokenizer, 'vocab.txt'), join(folder, 'vocab.txt'))
  await writeFile(join(folder, 'config.json'), JSON.stringify(bertBase, null, 2))
  const parameters = graphOf(bertBase, 'config.json').parameters.map(({ name, shape }) => [name, shape] as const)
  const floats = [...parameters, ...unused].map(
    ([name, shape], index): TorchTensorToWrite => ({
      names: Object.hasOwn(aliases, name) ? [name, aliases[name]!] : [name],
      shape,
      storage: 'FloatStorage',
      data: () => randomTensor(name, elementCount(shape), seed * 1000 + index),
    }),
  )
  const positionIds: TorchTensorToWrite = {
    names: ['bert.embeddings.position_ids'],
    shape: [1, positions],
    storage: 'LongStorage',
    data: () => BigInt64Array.from({ length: positions }, (_, position) => BigInt(position)),
  }
  await saveTorchFile(join(folder, 'pytorch_model.bin'), [positionIds, ...floats])
}

function randomTensor(name: string, count: number, seed: number): Float32Array {
  const random = xoroshiro128plus(seed)
  const centre = name.endsWith('LayerNorm.weight') ? 1 : 0
  const halfWidth = 0.02 * Math.sqrt(3)
  const data = new Float32Array(count)
  for (let i = 0; i < count; i++) data[i] = centre + (uniformInt(random, -32768, 32767) / 32768) * halfWidth
  return data
}

import { join } from 'node:path'
import { Checkpoint, saveCheckpoint } from '@isthmus/checkpoint'
import { ShapeError, UserError } from '@isthmus/tensor'
import { describe, expect, it, onTestFinished } from 'vitest'
import { assertMergeable, type OpenedModel } from '../src/index.ts'
import { graphOfConfig, saveSmallBert, smallConfig } from './small-bert.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Save a model with some fields of the configuration changed, and open it. */
async function model(changes: Partial<typeof smallConfig> = {}): Promise<OpenedModel> {
  const directory = join(await temporaryFolder(), 'model')
  const config = { ...smallConfig, ...changes }
  await saveSmallBert(directory, config, 1)
  return open(directory)
}

async function open(directory: string): Promise<OpenedModel> {
  const checkpoint = await Checkpoint.open(directory)
  onTestFinished(() => checkpoint.close())
  return { checkpoint, graph: graphOfConfig(checkpoint.config) }
}

const word = 'bert.embeddings.word_embeddings.weight'

describe('assertMergeable', () => {
  it('accepts models of one architecture and size', async () => {
    const [a, b] = [await model(), await model()]
    expect(() => assertMergeable(a, b)).not.toThrow()
  })

  it('names the first tensor whose shape differs: other vocabulary, other width', async () => {
    const a = await model()
    const vocabulary = await model({ vocab_size: 12 })
    expect(() => assertMergeable(a, vocabulary)).toThrow(
      new ShapeError(
        `models of different shapes cannot be merged: ${word} is [11, 6] in ${a.checkpoint.name} and [12, 6] in ` +
          `${vocabulary.checkpoint.name}; choose checkpoints of one architecture and size`,
      ),
    )
    const narrow = await model({ intermediate_size: 4 })
    expect(() => assertMergeable(a, narrow)).toThrow(
      new ShapeError(
        'models of different shapes cannot be merged: bert.encoder.layer.0.intermediate.dense.weight is [5, 6] in ' +
          `${a.checkpoint.name} and [4, 6] in ${narrow.checkpoint.name}; choose checkpoints of one architecture and size`,
      ),
    )
  })

  it('names the first tensor that only one has: other depth, whichever is deeper', async () => {
    const [deep, shallow] = [await model(), await model({ num_hidden_layers: 1 })]
    const first = 'bert.encoder.layer.1.attention.self.query.weight'
    expect(() => assertMergeable(deep, shallow)).toThrow(
      new ShapeError(
        `models of different shapes cannot be merged: ${first} is [6, 6] in ${deep.checkpoint.name} and no such tensor ` +
          `in ${shallow.checkpoint.name}; choose checkpoints of one architecture and size`,
      ),
    )
    expect(() => assertMergeable(shallow, deep)).toThrow(
      new ShapeError(
        `models of different shapes cannot be merged: ${first} is no such tensor in ${shallow.checkpoint.name} and ` +
          `[6, 6] in ${deep.checkpoint.name}; choose checkpoints of one architecture and size`,
      ),
    )
  })

  it('names the first operation that differs where all shapes agree', async () => {
    const a = await model()
    const heads = await model({ num_attention_heads: 3 })
    expect(() => assertMergeable(a, heads)).toThrow(
      new UserError(
        `models that compute differently cannot be merged: attention.0 has numHeads 2 in ${a.checkpoint.name} and 3 in ` +
          `${heads.checkpoint.name}; choose checkpoints whose configs agree`,
      ),
    )
    const relu = await model({ hidden_act: 'relu' })
    expect(() => assertMergeable(a, relu)).toThrow(
      new UserError(
        `models that compute differently cannot be merged: ffn.0 has op gelu in ${a.checkpoint.name} and relu in ` +
          `${relu.checkpoint.name}; choose checkpoints whose configs agree`,
      ),
    )
  })

  it('names both architectures where they differ', async () => {
    const a = await model()
    const other: OpenedModel = { ...a, graph: { ...a.graph, architecture: 'roberta' } }
    expect(() => assertMergeable(a, other)).toThrow(
      new UserError(
        `models of different architectures cannot be merged: ${a.checkpoint.name} is bert, and ` +
          `${a.checkpoint.name} is roberta; choose checkpoints of one architecture and size`,
      ),
    )
  })

  it('names the tensor about which a config lies', async () => {
    const a = await model()
    const lying: OpenedModel = { ...a, graph: graphOfConfig({ ...smallConfig, vocab_size: 30522 }) }
    expect(() => assertMergeable(a, lying)).toThrow(
      new ShapeError(
        `${a.checkpoint.name}: config.json asks for ${word} of shape [30522, 6], but it is [11, 6]; the weights and the ` +
          'config are of different models',
      ),
    )
  })

  it('names a tensor that a config asks for and the weights lack', async () => {
    const a = await model()
    const directory = join(await temporaryFolder(), 'headless')
    const tensors = [...a.checkpoint.tensors]
      .filter(([name]) => name !== 'cls.predictions.bias')
      .map(([name, { dtype, shape }]) => ({
        name,
        dtype,
        shape,
        data: async () => (await a.checkpoint.read(name)).data,
      }))
    await saveCheckpoint(directory, { config: a.checkpoint.config, tensors })
    const headless = await open(directory)
    expect(() => assertMergeable(a, headless)).toThrow(
      new ShapeError(
        `${headless.checkpoint.name}: config.json asks for cls.predictions.bias of shape [11], but it is missing; the ` +
          'weights and the config are of different models',
      ),
    )
  })
})

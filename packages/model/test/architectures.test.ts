import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Checkpoint } from '@isthmus/checkpoint'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { architectures, graphOf } from '../src/index.ts'

const fixtures = join(import.meta.dirname, 'fixtures')

async function configOf(name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(fixtures, name, 'config.json'), 'utf8'))
}

/** A checkpoint of each class, and tensors of it that the graph has no use for. */
const checkpoints = [
  { name: 'bert-mlm', unused: [] },
  { name: 'bert-classifier', unused: [] },
  { name: 'bert-bare', unused: ['bert.pooler.dense.bias', 'bert.pooler.dense.weight'] },
  { name: 'roberta-mlm', unused: [] },
  { name: 'distilbert-mlm', unused: [] },
  { name: 'gpt2', unused: [] },
  { name: 'vit', unused: [] },
] as const

describe('graphOf', () => {
  for (const { name, unused } of checkpoints) {
    it(`has the parameters of the checkpoint ${name}`, async () => {
      await using checkpoint = await Checkpoint.open(join(fixtures, name))
      const graph = graphOf(checkpoint.config, 'config.json')
      const stored = [...checkpoint.tensors].map(([tensor, { shape }]) => `${tensor} [${shape}]`)
      const used = graph.parameters.map((parameter) => `${parameter.name} [${parameter.shape}]`)
      const rest = stored.filter((tensor) => !used.includes(tensor)).map((tensor) => tensor.split(' ')[0])
      expect(used.filter((parameter) => !stored.includes(parameter))).toEqual([])
      expect(rest.sort()).toEqual(unused)
    })

    it(`taps ${name} at the sites of every layer`, async () => {
      const graph = graphOf(await configOf(name), 'config.json')
      const taps = graph.taps.map((tap) => tap.name)
      const layer = (l: number) =>
        [`query.${l}`, `key.${l}`, `attention.${l}`, `residual.${l}.attention`].concat(
          `ffn.${l}`,
          `residual.${l}.output`,
        )
      const last = { gpt2: ['residual.final'], vit: ['residual.final', 'pooler'], 'bert-classifier': ['pooler'] }
      const ends = name === 'bert-bare' ? [] : ((last as Record<string, string[]>)[name] ?? ['mlmHead'])
      expect(taps).toEqual(['residual.embeddings', ...layer(0), ...layer(1), ...ends])
      const widths = graph.taps.filter(({ width, site }) => width !== (site === 'ffn' ? 48 : 32))
      expect(widths).toEqual([])
    })
  }

  it('heeds the options of every architecture: no mask, no head, a decoder of its own', async () => {
    for (const [name, decoder] of [
      ['bert-mlm', 'cls.predictions.decoder.weight'],
      ['roberta-mlm', 'lm_head.decoder.weight'],
      ['distilbert-mlm', 'vocab_projector.weight'],
      ['gpt2', 'lm_head.weight'],
    ] as const) {
      const config = await configOf(name)
      const untied = graphOf(config, 'config.json', { decoder: 'untied' })
      const [own] = untied.parameters.filter((parameter) => parameter.name === decoder)
      expect(own).toEqual({ name: decoder, shape: [101, 32] })
      expect(untied).toEqual(graphOf({ ...config, tie_word_embeddings: false }, 'config.json'))
      const bare = graphOf(config, 'config.json', { padding: false, head: 'none' })
      expect(bare.inputs.map((input) => input.name)).not.toContain('attentionMask')
      expect(Object.keys(bare.outputs)).toEqual(['hidden'])
    }
    expect(Object.keys(graphOf(await configOf('vit'), 'config.json', { head: 'none' }).outputs)).toEqual(['hidden'])
  })

  it('chooses the head by the class that saved the model, and the first where none is named', async () => {
    const outputsOf = (json: unknown) => Object.keys(graphOf(json, 'm/config.json').outputs)
    const config = await configOf('bert-mlm')
    const head = ['hidden', 'logits', 'negativeLogLikelihood']
    expect(outputsOf({ ...config, architectures: ['BertModel'] })).toEqual(['hidden'])
    expect(outputsOf({ ...config, architectures: ['BertForPreTraining'] })).toEqual(head)
    expect(outputsOf({ ...config, architectures: null })).toEqual(head)
    expect(() => outputsOf({ ...config, architectures: ['BertForQuestionAnswering'] })).toThrow(
      new UserError(
        'm/config.json: architectures names the class BertForQuestionAnswering, but those known of this model_type are ' +
          'BertForMaskedLM, BertForPreTraining, BertForSequenceClassification, BertModel: save the model as one of them',
      ),
    )
  })

  it('counts classes by their names, or as it is told', async () => {
    const { id2label: _, ...config } = await configOf('vit')
    const classesOf = (json: unknown) => graphOf(json, 'config.json').shapes.logits
    expect(classesOf(await configOf('vit'))).toEqual(['batch', 5])
    expect(classesOf({ ...config, num_labels: 7 })).toEqual(['batch', 7])
    expect(classesOf(config)).toEqual(['batch', 2])
  })

  it('says which architectures there are', async () => {
    const known = architectures.map(({ modelType }) => modelType).join(', ')
    expect(known).toBe('bert, roberta, distilbert, gpt2, vit')
    const config = await configOf('bert-mlm')
    expect(() => graphOf({ ...config, model_type: 't5' }, 'm/config.json')).toThrow(
      new UserError(`m/config.json: model_type is 't5', but the architectures known here are: ${known}`),
    )
    expect(() => graphOf({}, 'm/config.json')).toThrow('m/config.json: model_type must be a string, but it is missing')
    expect(() => graphOf(null, 'm/config.json')).toThrow('m/config.json: the file must be an object, but it is null')
  })

  const misfits: [string, object, string][] = [
    ['roberta-mlm', { pad_token_id: -1 }, 'pad_token_id must be at least 0, but it is -1'],
    [
      'roberta-mlm',
      { num_attention_heads: 5 },
      'hidden_size must be divisible by num_attention_heads, but 32 is not by 5',
    ],
    ['distilbert-mlm', { dim: undefined }, 'dim must be a number, but it is missing'],
    ['distilbert-mlm', { n_heads: 5 }, 'dim must be divisible by n_heads, but 32 is not by 5'],
    [
      'gpt2',
      { scale_attn_by_inverse_layer_idx: true },
      'scale_attn_by_inverse_layer_idx must be false, but it is true',
    ],
    ['gpt2', { n_head: 5 }, 'n_embd must be divisible by n_head, but 32 is not by 5'],
    ['vit', { patch_size: 5 }, 'image_size must be divisible by patch_size, but 16 is not by 5'],
    ['vit', { num_attention_heads: 5 }, 'hidden_size must be divisible by num_attention_heads, but 32 is not by 5'],
    [
      'vit',
      { architectures: ['ViTForMaskedImageModeling'] },
      'architectures names the class ViTForMaskedImageModeling',
    ],
  ]
  for (const [name, change, sentence] of misfits) {
    it(`refuses ${JSON.stringify(change)} of ${name}`, async () => {
      const config = await configOf(name)
      const build = () => graphOf({ ...config, ...change }, 'm/config.json')
      expect(build).toThrow(UserError)
      expect(build).toThrow(`m/config.json: ${sentence}`)
    })
  }

  it('gives GPT-2 four times its width where its configuration says nothing', async () => {
    const { parameters } = graphOf({ ...(await configOf('gpt2')), n_inner: null }, 'config.json')
    expect(parameters).toContainEqual({ name: 'transformer.h.0.mlp.c_fc.weight', shape: [32, 128] })
  })
})

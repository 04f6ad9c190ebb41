import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  Checkpoint,
  canonicalNames,
  namingSchemes,
  openSafetensors,
  saveCheckpoint,
  type TensorToWrite,
  writeSafetensors,
} from '../src/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const WORDS = 'bert.embeddings.word_embeddings.weight'
const DECODER = 'cls.predictions.decoder.weight'
const scheme = (type: string) => namingSchemes.find(({ modelType }) => modelType === type)!

const lacks = (name: string) => name.replace(/^bert\./, '')

/** The tensors of the reference model, under other names, and more. */
async function variant(rename: (name: string) => string, more: TensorToWrite[] = [], config: object = {}) {
  const folder = await temporaryFolder()
  await using source = await openSafetensors(join(fixture('bert-mlm'), 'model.safetensors'))
  const tensors: TensorToWrite[] = []
  for (const [name, { dtype, shape }] of source.tensors) {
    tensors.push({ name: rename(name), dtype, shape, data: (await source.read(name)).data })
  }
  await writeSafetensors(join(folder, 'model.safetensors'), [...tensors, ...more])
  const original = JSON.parse(await readFile(join(fixture('bert-mlm'), 'config.json'), 'utf8'))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...original, ...config }))
  return folder
}

async function tensorOf(name: string, as: string, change = (data: Float32Array) => data): Promise<TensorToWrite> {
  await using source = await openSafetensors(join(fixture('bert-mlm'), 'model.safetensors'))
  const { shape, data } = await source.read(name)
  return { name: as, dtype: 'F32', shape, data: change(data) }
}

test('names of today stay, and nothing is reported', async () => {
  await using checkpoint = await Checkpoint.open(fixture('bert-mlm'))
  expect(checkpoint.mapped).toEqual([])
  for (const [name, stored] of checkpoint.storedNames) expect(stored).toBe(name)
  expect([...checkpoint.storedNames.keys()]).toEqual([...checkpoint.tensors.keys()])
})

test('the old names of the reference model are mapped and reported, and saved as those of today', async () => {
  await using old = await Checkpoint.open(fixture('bert-mlm-gamma-beta'))
  await using today = await Checkpoint.open(fixture('bert-mlm'))
  expect([...old.tensors.keys()].sort()).toEqual([...today.tensors.keys()].sort())
  expect(old.mapped).toEqual([
    '12 names LayerNorm.gamma and LayerNorm.beta are read as weight and bias',
    'left out, since no parameters: bert.embeddings.position_ids',
    'cls.predictions.decoder.bias is left out: it equals cls.predictions.bias',
    `${DECODER} is left out: it equals ${WORDS}, to which it is tied`,
  ])
  expect(old.storedNames.get('bert.embeddings.LayerNorm.weight')).toBe('bert.embeddings.LayerNorm.gamma')
  const directory = join(await temporaryFolder(), 'out')
  const tensors = [...old.tensors].map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape,
    data: async () => (await old.read(name)).data,
  }))
  await saveCheckpoint(directory, { config: old.config, tensors })
  await using saved = await Checkpoint.open(directory)
  expect(saved.mapped).toEqual([])
  for (const name of today.tensors.keys()) expect(await saved.read(name)).toEqual(await today.read(name))
})

test('a bare model gets its prefix, and its heads none', async () => {
  await using checkpoint = await Checkpoint.open(await variant(lacks))
  await using today = await Checkpoint.open(fixture('bert-mlm'))
  expect([...checkpoint.tensors.keys()].sort()).toEqual([...today.tensors.keys()].sort())
  expect(checkpoint.mapped).toEqual(["37 names of a bare model are read with the prefix 'bert.'"])
  expect(checkpoint.storedNames.get(WORDS)).toBe('embeddings.word_embeddings.weight')
  expect(await checkpoint.read(WORDS)).toEqual(await today.read(WORDS))
})

test('tensors of a pooler and of next-sentence prediction are kept as they are', async () => {
  const extra = ['bert.pooler.dense.bias', 'cls.seq_relationship.weight', 'cls.seq_relationship.bias'].map(
    (name): TensorToWrite => ({ name, dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }),
  )
  await using checkpoint = await Checkpoint.open(await variant((name) => name, extra))
  expect(checkpoint.mapped).toEqual([])
  for (const { name } of extra) expect((await checkpoint.read(name)).data).toEqual(Float32Array.of(1, 2))
})

test('a decoder that differs from the embeddings is untied, and stays so when it is saved', async () => {
  const own = await tensorOf(WORDS, DECODER, (data) => data.with(-1, 7))
  await using checkpoint = await Checkpoint.open(await variant((name) => name, [own]))
  expect(checkpoint.mapped).toEqual([
    `${DECODER} differs from ${WORDS}: the decoder is untied (tie_word_embeddings is read as false)`,
  ])
  expect(checkpoint.config.tie_word_embeddings).toBe(false)
  expect((await checkpoint.read(DECODER)).data.at(-1)).toBe(7)
})

test('a decoder that the configuration unties is kept, even where it equals the embeddings', async () => {
  const own = await tensorOf(WORDS, DECODER)
  const folder = await variant((name) => name, [own], { tie_word_embeddings: false })
  await using checkpoint = await Checkpoint.open(folder)
  expect(checkpoint.mapped).toEqual([])
  expect(await checkpoint.read(DECODER)).toEqual(await checkpoint.read(WORDS))
})

test('a bias that is stored under the name of the decoder alone is the head’s', async () => {
  const folder = await variant((name) => (name === 'cls.predictions.bias' ? 'cls.predictions.decoder.bias' : name))
  await using checkpoint = await Checkpoint.open(folder)
  expect(checkpoint.mapped).toEqual(['cls.predictions.decoder.bias is read as cls.predictions.bias'])
  expect(checkpoint.storedNames.get('cls.predictions.bias')).toBe('cls.predictions.decoder.bias')
})

test('two tensors that mean one parameter are refused with both names', async () => {
  const bias = await tensorOf('cls.predictions.bias', 'cls.predictions.decoder.bias', (data) => data.with(0, 7))
  await expect(Checkpoint.open(await variant((name) => name, [bias]))).rejects.toThrow(
    'has two tensors that mean cls.predictions.bias, which differ: cls.predictions.bias and ' +
      'cls.predictions.decoder.bias; remove one of them',
  )
  const gamma = await tensorOf('bert.embeddings.LayerNorm.weight', 'bert.embeddings.LayerNorm.gamma')
  await expect(Checkpoint.open(await variant((name) => name, [gamma]))).rejects.toThrow(
    "has two tensors that mean bert.embeddings.LayerNorm.weight, 'bert.embeddings.LayerNorm.gamma' and " +
      "'bert.embeddings.LayerNorm.weight': remove one of them",
  )
})

test.each<[string, Record<string, string | null>]>([
  [
    'roberta',
    {
      'encoder.layer.0.output.LayerNorm.beta': 'roberta.encoder.layer.0.output.LayerNorm.bias',
      'embeddings.position_ids': null,
      'lm_head.decoder.bias': 'lm_head.bias',
      'lm_head.layer_norm.weight': 'lm_head.layer_norm.weight',
    },
  ],
  [
    'distilbert',
    {
      'transformer.layer.0.ffn.lin1.weight': 'distilbert.transformer.layer.0.ffn.lin1.weight',
      'vocab_projector.bias': 'vocab_projector.bias',
    },
  ],
  [
    'gpt2',
    {
      'wte.weight': 'transformer.wte.weight',
      'h.0.attn.bias': null,
      'h.11.attn.masked_bias': null,
      'h.0.attn.c_attn.bias': 'transformer.h.0.attn.c_attn.bias',
      'ln_f.weight': 'transformer.ln_f.weight',
    },
  ],
  [
    'vit',
    {
      'embeddings.cls_token': 'vit.embeddings.cls_token',
      'layernorm.bias': 'vit.layernorm.bias',
      'classifier.bias': 'classifier.bias',
    },
  ],
])('the names of a bare %s get its prefix, and its buffers are left out', (type, expected) => {
  const { toCanonical } = canonicalNames(scheme(type), Object.keys(expected), 'the checkpoint')
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, toCanonical.get(name) ?? null]))).toEqual(
    expected,
  )
})

test('an architecture that is not known keeps its names', async () => {
  const folder = join(await temporaryFolder(), 'copy')
  await cp(fixture('bert-mlm-gamma-beta'), folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), '{"model_type": "other"}')
  await using checkpoint = await Checkpoint.open(folder)
  expect(checkpoint.tensors.has('bert.embeddings.LayerNorm.gamma')).toBe(true)
  expect(checkpoint.mapped).toEqual([])
})

import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Checkpoint, checkpointFiles, openSafetensors, writeSafetensors } from '../src/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const WORDS = 'bert.embeddings.word_embeddings.weight'
const INDEX = 'model.safetensors.index.json'

/** A copy of a fixture that a test may damage. */
async function copyOf(name: string): Promise<string> {
  const folder = join(await temporaryFolder(), name)
  await cp(fixture(name), folder, { recursive: true })
  return folder
}

async function editIndex(folder: string, edit: (weightMap: Record<string, unknown>) => void): Promise<void> {
  const index = JSON.parse(await readFile(join(folder, INDEX), 'utf8'))
  edit(index.weight_map)
  await writeFile(join(folder, INDEX), JSON.stringify(index))
}

test('the shards hold the tensors of the single file, to the bit', async () => {
  await using single = await Checkpoint.open(fixture('bert-mlm'))
  await using sharded = await Checkpoint.open(fixture('bert-mlm-sharded'))
  expect(single.config.hidden_size).toBe(32)
  expect([...sharded.tensors.keys()].sort()).toEqual([...single.tensors.keys()].sort())
  for (const name of single.tensors.keys()) expect(await sharded.read(name)).toEqual(await single.read(name))
})

test.each([
  ['bert-mlm-float16', 2 ** -11],
  ['bert-mlm-bfloat16', 2 ** -8],
])('%s holds the same tensors, rounded', async (name, relative) => {
  await using single = await Checkpoint.open(fixture('bert-mlm'))
  await using half = await Checkpoint.open(fixture(name))
  expect(half.info(WORDS).byteLength).toBe(single.info(WORDS).byteLength / 2)
  for (const tensor of single.tensors.keys()) {
    const [exact, rounded] = [await single.read(tensor), await half.read(tensor)]
    const excess = exact.data.map((x, i) => Math.abs(x - rounded.data[i]!) - relative * Math.abs(x))
    // 2⁻²⁵ is half of float16's smallest step, for its subnormals.
    expect(Math.max(...excess)).toBeLessThanOrEqual(2 ** -25)
  }
})

test('a checkpoint opens from paths that do not bear its names', async () => {
  const store = await temporaryFolder()
  const byDigest: Record<string, string> = {}
  for (const [i, [name, path]] of Object.entries(await checkpointFiles(fixture('bert-mlm-sharded'))).entries()) {
    byDigest[name] = join(store, `sha256-${i}`)
    await cp(path, byDigest[name])
  }
  await using single = await Checkpoint.open(fixture('bert-mlm'))
  await using moved = await Checkpoint.open(byDigest)
  expect(await moved.read(WORDS)).toEqual(await single.read(WORDS))
})

test('the files are the configuration, the weights and the tokenizer, and nothing else in the folder', async () => {
  const folder = await copyOf('bert-mlm-sharded')
  for (const name of ['vocab.txt', 'tokenizer_config.json', 'README.md', 'training.json', 'expected.safetensors']) {
    await writeFile(join(folder, name), '{}')
  }
  const shards = [1, 2, 3, 4, 5].map((i) => `model-0000${i}-of-00005.safetensors`)
  const names = ['config.json', INDEX, ...shards, 'tokenizer_config.json', 'vocab.txt']
  expect(await checkpointFiles(folder)).toEqual(Object.fromEntries(names.map((name) => [name, join(folder, name)])))
})

test.each<[string, (folder: string) => Promise<unknown>, string]>([
  [
    'a folder that does not exist',
    (folder) => rename(folder, `${folder}-elsewhere`),
    'cannot open the checkpoint FOLDER: there is no such folder; check the path',
  ],
  [
    'a file in place of the folder',
    async (folder) => {
      await rm(folder, { recursive: true })
      await writeFile(folder, '')
    },
    'cannot open the checkpoint FOLDER: it is a file; give the folder that holds config.json and model.safetensors',
  ],
  [
    'no config.json',
    (folder) => rm(join(folder, 'config.json')),
    'FOLDER has no config.json: a checkpoint is a Hugging Face folder, as save_pretrained',
  ],
  [
    'a config.json that is no JSON',
    (folder) => writeFile(join(folder, 'config.json'), '{'),
    'FOLDER/config.json is not JSON (',
  ],
  [
    'no weights',
    (folder) => rm(join(folder, INDEX)),
    'FOLDER has no weights: looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin, ' +
      'pytorch_model.bin.index.json',
  ],
  [
    'weights of TensorFlow',
    (folder) => rename(join(folder, INDEX), join(folder, 'tf_model.h5')),
    'FOLDER has its weights in tf_model.h5, but these are read: model.safetensors, model.safetensors.index.json, ' +
      'pytorch_model.bin, pytorch_model.bin.index.json; convert them in Python with AutoModel.from_pretrained(folder)',
  ],
  [
    'a missing shard',
    (folder) => rm(join(folder, 'model-00003-of-00005.safetensors')),
    'the shard model-00003-of-00005.safetensors, which FOLDER/model.safetensors.index.json names for the tensor ',
  ],
  [
    'a shard outside of the folder',
    (folder) => editIndex(folder, (map) => Object.assign(map, { [WORDS]: '../model-00001-of-00005.safetensors' })),
    `FOLDER/model.safetensors.index.json puts the tensor '${WORDS}' in "../model-00001-of-00005.safetensors", ` +
      'which is not the name of a file beside it',
  ],
  [
    'a shard that is no text',
    (folder) => editIndex(folder, (map) => Object.assign(map, { [WORDS]: 1 })),
    `puts the tensor '${WORDS}' in 1, which is not the name of a file`,
  ],
  [
    'a tensor that is in no shard',
    (folder) => editIndex(folder, (map) => Object.assign(map, { extra: 'model-00001-of-00005.safetensors' })),
    "puts the tensor 'extra' in model-00001-of-00005.safetensors, but it is in none of the shards",
  ],
  [
    'a tensor in another shard',
    (folder) => editIndex(folder, (map) => Object.assign(map, { [WORDS]: 'model-00002-of-00005.safetensors' })),
    `puts the tensor '${WORDS}' in model-00002-of-00005.safetensors, but it is in model-00001-of-00005.safetensors`,
  ],
  [
    'a tensor in two shards',
    async (folder) => {
      const [first, second] = [1, 2].map((i) => join(folder, `model-0000${i}-of-00005.safetensors`))
      await using file = await openSafetensors(second!)
      const more = [...file.tensors].map(([name, { dtype, shape }]) => ({
        name,
        dtype,
        shape,
        data: async () => (await file.readRaw(name)).data,
      }))
      await using words = await openSafetensors(first!)
      more.push({
        name: WORDS,
        dtype: 'F32',
        shape: words.info(WORDS).shape,
        data: async () => (await words.read(WORDS)).data,
      })
      await writeSafetensors(second!, more)
    },
    `the tensor '${WORDS}' is in two shards, FOLDER/model-00001-of-00005.safetensors and FOLDER/model-00002`,
  ],
  [
    'an index without a map',
    (folder) => writeFile(join(folder, INDEX), '{"weight_map": []}'),
    'FOLDER/model.safetensors.index.json must have a weight_map that gives the file of each tensor, but it is []',
  ],
  [
    'an index that names a tensor twice',
    (folder) => writeFile(join(folder, INDEX), '{"weight_map": {"w": "a", "w": "b"}}'),
    "FOLDER/model.safetensors.index.json gives the name 'w' twice",
  ],
])('%s is refused', async (_, damage, sentence) => {
  const folder = await copyOf('bert-mlm-sharded')
  await damage(folder)
  const error: Error = await Checkpoint.open(folder).then(
    () => expect.fail('the checkpoint was opened'),
    (reason) => reason,
  )
  expect(error.name).toBe('CheckpointError')
  expect(error.message.replaceAll(folder, 'FOLDER')).toContain(sentence)
})

test('a set of files without a configuration is refused', async () => {
  await expect(Checkpoint.open({ 'model.safetensors': 'x' })).rejects.toThrow(
    'a checkpoint needs a config.json, but only these files are given: model.safetensors',
  )
})

test('the single file is taken where an index lies beside it', async () => {
  const folder = await copyOf('bert-mlm')
  await writeFile(join(folder, INDEX), 'stale')
  await using checkpoint = await Checkpoint.open(folder)
  expect(Object.keys(checkpoint.files)).toEqual(['config.json', 'model.safetensors'])
})

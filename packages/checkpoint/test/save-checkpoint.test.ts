import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Checkpoint, type CheckpointToSave, openSafetensors, saveCheckpoint } from '../src/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const tiny: CheckpointToSave = {
  config: { model_type: 'bert', hidden_size: 2 },
  tensors: [{ name: 'w', dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }],
}
const failing: CheckpointToSave = {
  ...tiny,
  tensors: [{ name: 'w', dtype: 'F32', shape: [2], data: () => Promise.reject(new RangeError('no such layer')) }],
}

test('a saved checkpoint opens, with its files and the metadata that transformers asks for', async () => {
  const folder = await temporaryFolder()
  const directory = join(folder, 'deep', 'merged')
  await writeFile(join(folder, 'words'), '[PAD]\n[UNK]\n', { mode: 0o444 })
  await saveCheckpoint(directory, {
    ...tiny,
    files: { 'vocab.txt': { path: join(folder, 'words') }, 'README.md': { content: '# Merged\n' } },
    metadata: { lambda: '0.5' },
  })
  await using checkpoint = await Checkpoint.open(directory)
  expect(checkpoint.config).toEqual({ model_type: 'bert', hidden_size: 2 })
  expect(await checkpoint.read('w')).toEqual({ shape: [2], data: Float32Array.of(1, 2) })
  await using weights = await openSafetensors(join(directory, 'model.safetensors'))
  expect(weights.metadata).toEqual({ format: 'pt', lambda: '0.5' })
  expect(await readFile(join(directory, 'vocab.txt'), 'utf8')).toBe('[PAD]\n[UNK]\n')
  expect((await readdir(directory)).sort()).toEqual(['README.md', 'config.json', 'model.safetensors', 'vocab.txt'])
  expect(await readdir(join(folder, 'deep'))).toEqual(['merged'])
})

test('an empty folder is filled; a checkpoint is replaced only when asked, and then whole', async () => {
  const folder = await temporaryFolder()
  const directory = join(folder, 'out')
  await mkdir(directory)
  await saveCheckpoint(directory, { ...tiny, files: { 'old.txt': { content: '' } } })
  await expect(saveCheckpoint(directory, tiny)).rejects.toThrow(
    `${directory} holds a checkpoint already: choose another folder, or set overwrite`,
  )
  await saveCheckpoint(directory, { ...tiny, overwrite: true })
  expect((await readdir(directory)).sort()).toEqual(['config.json', 'model.safetensors'])
  expect(await readdir(folder)).toEqual(['out'])
})

test('a checkpoint can be replaced by one made from its own tensors, also through a link', async () => {
  const folder = await temporaryFolder()
  const [directory, link] = [join(folder, 'out'), join(folder, 'link')]
  await saveCheckpoint(directory, tiny)
  await symlink(directory, link)
  await using before = await Checkpoint.open(directory)
  const negated = async () => (await before.read('w')).data.map((x) => -x)
  await saveCheckpoint(link, {
    config: before.config,
    tensors: [{ name: 'w', dtype: 'BF16', shape: [2], data: negated }],
    overwrite: true,
  })
  await using after = await Checkpoint.open(directory)
  expect(after.info('w').dtype).toBe('BF16')
  expect((await after.read('w')).data).toEqual(Float32Array.of(-1, -2))
})

test('what is no checkpoint is never replaced', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'thesis.tex'), 'years of work')
  await expect(saveCheckpoint(folder, { ...tiny, overwrite: true })).rejects.toThrow(
    `${folder} is not empty and holds no checkpoint (no config.json), so it is not replaced: choose another folder`,
  )
  const file = join(folder, 'thesis.tex')
  await expect(saveCheckpoint(file, { ...tiny, overwrite: true })).rejects.toThrow(
    `cannot save a checkpoint as ${file}: it is a file, or lies below one; choose a folder`,
  )
  expect(await readFile(file, 'utf8')).toBe('years of work')
})

test('a failure leaves the old checkpoint, and nothing beside it', async () => {
  const folder = await temporaryFolder()
  const directory = join(folder, 'out')
  await expect(saveCheckpoint(directory, failing)).rejects.toThrow(new RangeError('no such layer'))
  expect(await readdir(folder)).toEqual([])
  await saveCheckpoint(directory, tiny)
  await expect(saveCheckpoint(directory, { ...failing, overwrite: true })).rejects.toThrow('no such layer')
  expect(await readdir(folder)).toEqual(['out'])
  await using checkpoint = await Checkpoint.open(directory)
  expect((await checkpoint.read('w')).data).toEqual(Float32Array.of(1, 2))
})

test.each(['config.json', '../out.txt', 'a/b', '..', ''])('a file named %j is refused', async (name) => {
  const directory = join(await temporaryFolder(), 'out')
  await expect(saveCheckpoint(directory, { ...tiny, files: { [name]: { content: '' } } })).rejects.toThrow(
    `cannot save a file as '${name}' in ${directory}: a plain file name other than config.json and model.safetensors`,
  )
})

test('a file to copy that is not there is named', async () => {
  const folder = await temporaryFolder()
  const [directory, vocabulary] = [join(folder, 'out'), join(folder, 'vocab.txt')]
  await expect(saveCheckpoint(directory, { ...tiny, files: { 'vocab.txt': { path: vocabulary } } })).rejects.toThrow(
    `cannot save vocab.txt in ${directory}: there is no file ${vocabulary} to copy; check its path`,
  )
  expect(await readdir(folder)).toEqual([])
})

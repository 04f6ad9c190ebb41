import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { Checkpoint, pullCheckpoint } from '../src/index.ts'
import { commit, digestOf, type LoopbackHub, loopbackHub, repo } from './loopback-hub.ts'
import { temporaryFolder } from './temporary-folder.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
const read = (name: string) => readFile(join(fixtures, name))

/** The reference model as a repository: both formats, a tokenizer, and what is not needed. */
async function repository(): Promise<Record<string, Buffer>> {
  return {
    '.gitattributes': Buffer.from('*.bin filter=lfs'),
    'README.md': Buffer.from('# Tiny'),
    'config.json': await read('bert-mlm/config.json'),
    'model.safetensors': await read('bert-mlm/model.safetensors'),
    'pytorch_model.bin': await read('bert-mlm-bin/pytorch_model.bin'),
    'tf_model.h5': Buffer.from('h5'),
    'vocab.txt': Buffer.from('[PAD]\n[UNK]\n'),
    'added_tokens.json': Buffer.alloc(0),
  }
}

let [hub, cacheDirectory]: [LoopbackHub | null, string] = [null, '']
const pull = (reference = `hf:${repo}`, options: object = {}) =>
  pullCheckpoint(reference, { hubUrl: hub!.url, cacheDirectory, ...options })
const contentRequests = () => hub!.requests.filter((request) => /resolve/.test(request) && !/bytes=0-0$/.test(request))

beforeEach(async () => {
  vi.stubEnv('HF_TOKEN', undefined)
  vi.stubEnv('HF_HUB_OFFLINE', undefined)
  vi.stubEnv('HF_ENDPOINT', undefined)
  hub = await loopbackHub(await repository())
  cacheDirectory = await temporaryFolder()
  return () => vi.unstubAllEnvs()
})

test('configuration, tokenizer and one format of the weights are pulled, pinned to a commit, without a word', async () => {
  const write = vi.spyOn(process.stdout, 'write')
  const debug = vi.spyOn(console, 'debug')
  const progress = new Map<string, number[]>()
  const pulled = await pull(undefined, {
    onProgress: (file: string, done: number, total: number) => progress.set(file, [done, total]),
  })
  expect([write.mock.calls, debug.mock.calls]).toEqual([[], []])
  write.mockRestore()
  debug.mockRestore()
  expect(pulled).toEqual({
    directory: join(cacheDirectory, 'models--google--tiny-bert', 'snapshots', commit),
    commit,
    reference: `hf:${repo}@${commit}`,
  })
  expect((await readdir(pulled.directory)).sort()).toEqual([
    'added_tokens.json',
    'config.json',
    'model.safetensors',
    'vocab.txt',
  ])
  const size = hub!.files.get('model.safetensors')!.length
  expect(progress.get('model.safetensors')).toEqual([size, size])
  await using expected = await Checkpoint.open(join(fixtures, 'bert-mlm'))
  await using found = await Checkpoint.open(pulled.directory)
  expect(await found.read('cls.predictions.bias')).toEqual(await expected.read('cls.predictions.bias'))
})

test('shards of PyTorch’s format are pulled where there is nothing else', async () => {
  for (const name of ['model.safetensors', 'pytorch_model.bin']) hub!.files.delete(name)
  const shard = await read('bert-mlm-bin-legacy/pytorch_model.bin')
  const weightMap = { 'cls.predictions.bias': 'pytorch_model-00001-of-00001.bin' }
  hub!.files.set('pytorch_model.bin.index.json', Buffer.from(JSON.stringify({ weight_map: weightMap })))
  hub!.files.set('pytorch_model-00001-of-00001.bin', shard)
  hub!.files.set('pytorch_model-00002-of-00002.bin', shard)
  const { directory } = await pull()
  await using checkpoint = await Checkpoint.open(directory)
  expect(checkpoint.tensors.size).toBe(42)
  expect((await readdir(directory)).filter((name) => name.endsWith('.bin'))).toEqual([
    'pytorch_model-00001-of-00001.bin',
  ])
})

test('what is there is not downloaded again; what changed is', async () => {
  await pull()
  const before = contentRequests().length
  await pull()
  expect(contentRequests()).toHaveLength(before)
  const store = join(cacheDirectory, 'models--google--tiny-bert')
  const blob = join(store, 'blobs', digestOf('vocab.txt', hub!.files.get('vocab.txt')!))
  await writeFile(blob, '[PAD]\n[unk]\n')
  const { directory } = await pull()
  expect(await readFile(join(directory, 'vocab.txt'), 'utf8')).toBe('[PAD]\n[UNK]\n')
  expect(contentRequests().slice(before)).toEqual([`GET /${repo}/resolve/${commit}/vocab.txt`])
})

test('a connection that drops again and again is taken up where it ended', async () => {
  hub!.cutAfter = 30_000
  const { directory } = await pull()
  expect(await readFile(join(directory, 'model.safetensors'))).toEqual(hub!.files.get('model.safetensors'))
  const ranges = contentRequests().filter((request) => request.includes('model.safetensors'))
  expect(ranges.length).toBeGreaterThan(2)
  expect(ranges[1]).toMatch(/bytes=\d+-\d+$/)
})

test('a download that failed goes on in the next pull, and only what is missing is asked for', async () => {
  hub!.cutAfter = 30_000
  const partialName = `${digestOf('model.safetensors', hub!.files.get('model.safetensors')!)}.incomplete`
  const failing = pull(undefined, {
    onProgress: (file: string) => {
      if (file === 'model.safetensors') hub!.contentStatus = 503
    },
  })
  await expect(failing).rejects.toThrow(
    /^hf:google\/tiny-bert@main could not be downloaded \(.+\): check the connection/,
  )
  const { size } = await stat(join(cacheDirectory, 'models--google--tiny-bert', 'blobs', partialName))
  expect(size).toBeGreaterThan(0)
  Object.assign(hub!, { cutAfter: Number.POSITIVE_INFINITY, contentStatus: null })
  hub!.requests.length = 0
  const { directory } = await pull()
  const total = hub!.files.get('model.safetensors')!.length
  expect(contentRequests()).toEqual([`GET /${repo}/resolve/${commit}/model.safetensors bytes=${size}-${total - 1}`])
  expect(await readFile(join(directory, 'model.safetensors'))).toEqual(hub!.files.get('model.safetensors'))
})

test('a pull that is killed leaves no folder that opens, and the next one completes it', async () => {
  const program = `
    import { pullCheckpoint } from ${JSON.stringify(join(import.meta.dirname, '../src/index.ts'))}
    const onProgress = (file) => { if (file === 'model.safetensors') process.kill(process.pid, 'SIGKILL') }
    await pullCheckpoint('hf:${repo}', { hubUrl: '${hub!.url}', cacheDirectory: process.argv[1], onProgress })`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, cacheDirectory], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  await expect(pull(undefined, { offline: true })).rejects.toThrow(`hf:${repo}@main is not in the cache (`)
  const { directory } = await pull()
  await using checkpoint = await Checkpoint.open(directory)
  expect(checkpoint.tensors.size).toBe(42)
})

test.each(['model.safetensors', 'config.json'])(
  'wrong bytes of %s are told, removed, and never shown',
  async (name) => {
    const right = hub!.files.get(name)!
    hub!.forged.set(name, Buffer.from(right).fill(0, 40, 44))
    const [algorithm, digest] = [name === 'config.json' ? 'git-sha1' : 'sha256', digestOf(name, right)]
    await expect(pull()).rejects.toThrow(
      `${name} of hf:${repo}@main arrived damaged: its ${algorithm} should be ${digest}, but is `,
    )
    const store = join(cacheDirectory, 'models--google--tiny-bert')
    expect((await readdir(join(store, 'blobs'))).filter((blob) => blob.startsWith(digest))).toEqual([])
    expect(await readdir(join(store, 'snapshots', commit))).not.toContain(name)
    hub!.forged.clear()
    expect(await readFile(join((await pull()).directory, name))).toEqual(right)
  },
)

test('another size than the listing gives is told', async () => {
  hub!.forged.set('config.json', Buffer.from('{}'))
  const { length } = hub!.files.get('config.json')!
  await expect(pull()).rejects.toThrow(
    `config.json of hf:${repo}@main should have ${length} bytes, but the hub offers 2`,
  )
})

test('a branch, a tag and a commit are resolved; an unknown one is told apart from an unknown model', async () => {
  hub!.revisions.set('refs/pr/1', commit)
  expect((await pull(`hf:${repo}@refs/pr/1`)).commit).toBe(commit)
  expect((await pull(`hf:${repo}@v9`, { revision: commit })).reference).toBe(`hf:${repo}@${commit}`)
  await expect(pull(`hf:${repo}@v9`)).rejects.toThrow(
    `hf:${repo} has no revision 'v9'; give one of its branches, tags or commits`,
  )
  await expect(pull('hf:google/none')).rejects.toThrow('the hub has no model hf:google/none; check its name')
})

test('a private model needs the token of the environment, which no error shows', async () => {
  hub!.token = 'hf_secret'
  await expect(pull()).rejects.toThrow(
    `the hub does not give hf:${repo} to us (status 401): it does not exist, or is private or gated; check its name, ` +
      'accept its terms on its page, and set HF_TOKEN to a token that may read it',
  )
  vi.stubEnv('HF_TOKEN', 'hf_secret')
  expect((await pull()).commit).toBe(commit)
  vi.stubEnv('HF_TOKEN', 'sk-other')
  const error: Error = await pull().catch((reason) => reason)
  expect(error.message).toBe(
    'the access token in HF_TOKEN does not begin with hf_, as those of the hub do; correct or unset it',
  )
})

test('offline the cache alone is used, by branch or commit, and what it lacks is told', async () => {
  await expect(pull(undefined, { offline: true })).rejects.toThrow(
    `hf:${repo}@main is not in the cache (${join(cacheDirectory, 'models--google--tiny-bert')}), and offline nothing is ` +
      'downloaded: pull it once without HF_HUB_OFFLINE',
  )
  const online = await pull()
  hub!.requests.length = 0
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  expect(await pull()).toEqual(online)
  expect(await pull(`hf:${repo}@${commit}`)).toEqual(online)
  await expect(pull(`hf:${repo}@${'d'.repeat(40)}`)).rejects.toThrow('is not complete: cannot open the checkpoint')
  expect(hub!.requests).toEqual([])
})

test('a hub that cannot be reached, and one that fails, are told', async () => {
  await expect(pull(undefined, { hubUrl: 'http://127.0.0.1:1' })).rejects.toThrow(
    /could not be downloaded \(.+\): check the connection and pull again, .* with HF_HUB_OFFLINE=1 the cache alone/,
  )
  hub!.contentStatus = 403
  await expect(pull()).rejects.toThrow(`hf:${repo}@main could not be downloaded`)
})

test('a model without weights is told', async () => {
  for (const name of ['model.safetensors', 'pytorch_model.bin']) hub!.files.delete(name)
  await expect(pull()).rejects.toThrow(`hf:${repo}@main has its weights in tf_model.h5, but these are read`)
})

test.each(['google/tiny-bert', 'hf:', 'hf:a/b/c', 'hf:../b', 'hf:a/b@', 'hf:a/b@../../x', 'hf:a/b c'])(
  '%j is no reference',
  async (reference) => {
    await expect(pull(reference)).rejects.toThrow(
      `'${reference}' is no reference to a model on the hub: hf:OWNER/NAME or hf:OWNER/NAME@REVISION is expected`,
    )
    expect(hub!.requests).toEqual([])
  },
)

test('a cache folder that cannot be made is told', async () => {
  await mkdir(join(cacheDirectory, 'c'))
  await writeFile(join(cacheDirectory, 'c', 'models--google--tiny-bert'), '')
  await expect(pull(undefined, { cacheDirectory: join(cacheDirectory, 'c') })).rejects.toThrow('cannot write ')
})

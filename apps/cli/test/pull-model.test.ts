import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { loopbackHub, repo } from '@isthmus/checkpoint/loopback-hub'
import { expect, it, onTestFinished, vi } from 'vitest'
import { modelPuller } from '../src/pull-model.ts'
import { pullProgress } from '../src/pull-progress.ts'
import { temporaryFolder, workspace } from './run-isthmus.ts'

/** A stream that keeps what is written to it. */
function recorded(isTTY: boolean) {
  let text = ''
  const stream = { isTTY, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream
  return { stream, text: () => text }
}

/** A hub with one model, and a cache of its own. */
async function hubWithModel() {
  const read = (name: string) => readFileSync(join(workspace, 'packages/checkpoint/test/fixtures/bert-mlm', name))
  const names = ['config.json', 'model.safetensors']
  const hub = await loopbackHub(Object.fromEntries(names.map((name) => [name, read(name)])))
  const cache = temporaryFolder()
  const variables = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, HF_TOKEN: '', HF_HUB_OFFLINE: '' }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(cache, { recursive: true })
  })
  return hub
}

it('pulls a model once, however often it is asked for', async () => {
  const hub = await hubWithModel()
  const pull = modelPuller(recorded(true).stream, new AbortController().signal)
  const [first, again] = await Promise.all([pull(`hf:${repo}`), pull(`hf:${repo}`)])
  expect(again).toBe(first)
  expect(await pull(`hf:${repo}`)).toBe(first)
  expect(hub.requests.filter((request) => request.endsWith('/revision/main'))).toHaveLength(1)
})

it('ends a pull when the run is interrupted', async () => {
  await hubWithModel()
  const abort = new AbortController()
  abort.abort()
  await expect(modelPuller(recorded(false).stream, abort.signal)(`hf:${repo}`)).rejects.toThrow(
    `hf:${repo} is not complete: run again to go on with it`,
  )
})

it('shows on a terminal how far a file is, and elsewhere a line when it is there', () => {
  const [terminal, pipe, quick] = [recorded(true), recorded(false), recorded(true)]
  const shown = [
    pullProgress(terminal.stream),
    pullProgress(pipe.stream, { prefix: 'hf:a/b  ' }),
    pullProgress(quick.stream, { after: Number.POSITIVE_INFINITY }),
  ]
  for (const show of shown) for (const done of [0, 500, 500, 1000]) show('x.bin', done, 1000)
  expect(terminal.text().split('\r\x1b[K')).toEqual([
    '',
    'x.bin  1.00 kB  0 %',
    'x.bin  1.00 kB  50 %',
    'x.bin  1.00 kB  100 %\n',
  ])
  expect(pipe.text()).toBe('hf:a/b  x.bin  1.00 kB  100 %\n')
  expect(quick.text()).toBe('')
})

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { loopbackHub } from '@isthmus/checkpoint/loopback-hub'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Ended, isthmus, small, temporaryFolder, workspace } from './run-isthmus.ts'

let home: string

beforeAll(() => {
  home = temporaryFolder()
})

afterAll(() => rmSync(home, { recursive: true }))

/** A shipped model as MultiBERTs are published: its vocabulary as a text, no tokenizer.json. */
function published(seed: number): Record<string, Buffer> {
  const names = ['config.json', 'model.safetensors', 'vocab.txt']
  const read = (name: string) => readFileSync(join(workspace, 'datasets/models', `seed-${seed}`, name))
  return Object.fromEntries(names.map((name) => [name, read(name)]))
}

/** Run the small study on a family, and give its barriers by method. */
async function barriers(family: string, variables: Record<string, string>) {
  const ended = await isthmus(home, variables, ...run(family), '--json')
  expect(ended.stderr).toMatch(/steps: \d+ computed/)
  const { leaderboard, counts } = JSON.parse(ended.stdout)
  const board = leaderboard.map(({ method, barrier }: { method: string; barrier: number }) => [method, barrier])
  return { ...ended, ran: counts.ran, board: Object.fromEntries(board) }
}

function run(family: string, ...settings: readonly string[]): string[] {
  const all = [...small, `family=${family}`, ...settings]
  return ['run', 'quickstart', ...all.flatMap((setting) => ['--set', setting])]
}

const lastLine = ({ stderr }: Ended) => stderr.trimEnd().split('\n').at(-1)

it('runs a study on a family of the hub by its name, offline too, and says which seed is not there', async () => {
  const hub = await loopbackHub(
    {},
    { 'google/multiberts-seed_1': published(1), 'google/multiberts-seed_2': published(2) },
  )
  const cache = join(home, 'hub')
  const online = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, HF_TOKEN: '', HF_HUB_OFFLINE: '' }
  const local = await barriers('datasets/models', online)
  expect(hub.requests).toEqual([])

  const first = await barriers('multiberts', online)
  expect(first.code).toBe(0)
  expect(first.board).toEqual(local.board)
  const bytes = hub.requests.filter((request) => /model\.safetensors/.test(request) && !/bytes=0-0$/.test(request))
  expect(bytes).toHaveLength(2)
  const query = 'select distinct pair from curve order by 1'
  const { stdout } = await isthmus(home, 'sql', query, '--format', 'json')
  expect(JSON.parse(stdout)).toContainEqual({ pair: 'multiberts-seed_1|multiberts-seed_2' })

  const offline = { ...online, HF_ENDPOINT: 'http://127.0.0.1:1', HF_HUB_OFFLINE: '1' }
  const again = await barriers('hf:google/multiberts-seed_{seed}', offline)
  expect(again).toMatchObject({ code: 0, ran: 0, board: local.board })
  const absent = await isthmus(home, online, ...run('multiberts', 'seeds=1,3'))
  expect(absent.code).toBe(2)
  expect(lastLine(absent)).toBe('isthmus: the hub has no model hf:google/multiberts-seed_3; check its name')
}, 120_000)

it('pulls from the hub that HF_ENDPOINT names', async () => {
  const hub = await loopbackHub({}, { 'google/multiberts-seed_1': published(1) })
  const variables = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: join(home, 'other'), HF_TOKEN: '', HF_HUB_OFFLINE: '' }
  const { code, stdout, stderr } = await isthmus(
    home,
    variables,
    'models',
    'pull',
    'hf:google/multiberts-seed_1',
    '--json',
  )
  expect(code).toBe(0)
  expect(JSON.parse(stdout).reference).toMatch(/^hf:google\/multiberts-seed_1@c0ffee0+$/)
  expect(stderr).toMatch(/^model\.safetensors {2}5\.\d+ MB {2}100 %$/m)
})

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isthmus, runSmall, temporaryFolder, workspace } from './run-isthmus.ts'

let home: string

beforeAll(async () => {
  home = temporaryFolder()
  const { code, stderr } = await runSmall(home)
  expect(stderr).toMatch(/steps: \d+ computed, 1 from the cache/)
  expect(code).toBe(0)
})

afterAll(() => rmSync(home, { recursive: true }))

describe('isthmus run', () => {
  it('computes nothing the second time', async () => {
    const { code, stderr, stdout } = await runSmall(home)
    expect(code).toBe(0)
    expect(stderr).toMatch(/steps: 0 computed, \d+ from the cache/)
    expect(stdout).toMatch(/vanilla +│ +\d\.\d{3}/)
  })

  it('prints one JSON document and nothing else with --json', async () => {
    const { stdout } = await isthmus(home, 'run', 'quickstart', '--json', ...smallSettings())
    const { study, counts, leaderboard } = JSON.parse(stdout)
    expect(study).toBe('quickstart')
    expect(counts).toMatchObject({ ran: 0, failed: 0 })
    expect(leaderboard.map(({ method }: { method: string }) => method).sort()).toEqual(['ffn', 'vanilla'])
  })

  it('computes only what a changed setting concerns', async () => {
    const { stderr } = await runSmall(home, 'methods=vanilla,ffn,monotonic')
    expect(stderr).toMatch(/steps: 6 computed, \d+ from the cache/)
  })
})

describe('isthmus plan', () => {
  it('says what is cached, and which field of a key is new', async () => {
    const cached = await isthmus(home, 'plan', 'quickstart', ...smallSettings())
    expect(cached.stdout).toMatch(/, 0 to compute\n$/)
    const { stdout } = await isthmus(
      home,
      'plan',
      'quickstart',
      '--explain',
      ...smallSettings('lambdas=[0,0.25,0.5,1]'),
    )
    expect(stdout).toMatch(/by ffn at λ = 0.25: would run: params.lambda 0.5 → 0.25/)
    expect(stdout).toMatch(/, 2 to compute: about .* of one process and .* of disk by earlier runs\n$/)
  })
})

describe('isthmus leaderboard and sql', () => {
  it.each(['table', 'csv', 'markdown', 'json'])('prints the leaderboard as %s', async (format) => {
    const { code, stdout } = await isthmus(home, 'leaderboard', '--study', 'quickstart', '--format', format)
    expect(code).toBe(0)
    expect(stdout).toContain('vanilla')
  })

  it('answers the query of the README', async () => {
    const query = 'select method, avg(barrier) from leaderboard group by all order by 2'
    const { stdout } = await isthmus(home, 'sql', query, '--format', 'csv')
    expect(stdout.split('\n')[0]).toBe('method,avg(barrier)')
    expect(stdout).toMatch(/\nvanilla,\d\.\d+\n/)
  })

  it('records what the gate measured', async () => {
    const query = "select count(*) as n from alignment where symmetry = 'kept' and max_abs_logit_difference > 1e-4"
    expect(JSON.parse((await isthmus(home, 'sql', query, '--format', 'json')).stdout)).toEqual([{ n: 0 }])
  })
})

describe('isthmus merge', () => {
  const [a, b] = ['datasets/models/seed-1', 'datasets/models/seed-2']

  it('writes a model that can be inspected, and permutations that can be applied again', async () => {
    const [first, again] = [join(home, 'merged'), join(home, 'again')]
    const align = ['--align', 'datasets/books', '--set', 'alignment.fraction=0.002', '--method', 'ffn']
    const { code, stdout } = await isthmus(home, 'merge', a, b, ...align, '--lambda', '0.25', '--out', first)
    expect(code).toBe(0)
    expect(stdout).toMatch(/0\.25 seed-1 \+ 0\.75 seed-2 by ffn; function of seed-2 kept/)
    expect(readFileSync(join(first, 'README.md'), 'utf8')).toContain('chosen by **ffn**')
    const file = join(first, 'permutations.safetensors')
    const aligned = join(home, 'aligned.safetensors')
    expect((await isthmus(home, 'align', a, b, ...align, '--out', aligned)).stdout).toMatch(
      /by ffn; function of seed-2 kept\n$/,
    )
    expect(sameBytes(aligned, file)).toBe(true)
    const third = await isthmus(home, 'merge', a, b, '--permutations', file, '--lambda', '0.25', '--out', again)
    expect(third.stdout).toMatch(/by ffn; function of seed-2 kept \(logits moved by \d\.\de-[56]\)\n$/)
    expect(sameBytes(join(again, 'model.safetensors'), join(first, 'model.safetensors'))).toBe(true)
    const { stdout: inspected } = await isthmus(home, 'models', 'inspect', first, '--json')
    expect(JSON.parse(inspected)).toMatchObject({
      architecture: 'bert',
      parameters: 1355136,
      dtype: 'F32',
      unusedTensors: [],
    })
  })

  it('carries the head along with the residual stream, and refuses to untie a decoder that the folder says is tied', async () => {
    const align = ['--align', 'datasets/books', '--set', 'alignment.fraction=0.002']
    const folder = ['--out', join(home, 'residual')]
    const exact = await isthmus(home, 'merge', a, b, ...align, '--method', 'residual/first', '--lambda', '0', ...folder)
    expect(exact.stdout).toMatch(/by residual\/first; function of seed-2 kept/)
    const untied = await isthmus(home, 'merge', a, b, ...align, '--method', 'residual/first/untied', ...folder)
    expect(untied.code).toBe(2)
    expect(untied.stderr).toMatch(
      /isthmus: residual\/first\/untied unties the decoder from the embeddings, which the merged folder could not hold: choose the method without its last option, \/untied, and the decoder is carried along\n$/,
    )
  })

  it('merges several models into the space of the first, by a weight each', async () => {
    const models = [a, b, 'datasets/models/seed-3']
    const out = join(home, 'three')
    const align = ['--align', 'datasets/books', '--set', 'alignment.fraction=0.002', '--method', 'ffn']
    const { stdout, stderr } = await isthmus(
      home,
      'merge',
      ...models,
      ...align,
      '--lambda',
      '0.5,0.25,0.25',
      '--out',
      out,
    )
    expect(stderr).not.toContain('isthmus:')
    expect(stdout).toMatch(/0\.5 seed-1 \+ 0\.25 seed-2 \+ 0\.25 seed-3 by ffn; function of seed-2 kept .*seed-3 kept/)
    const files = [join(out, 'permutations-B.safetensors'), join(out, 'permutations-C.safetensors')]
    const again = join(home, 'three-again')
    const apply = ['--permutations', ...files, '--lambda', '0.5,0.25,0.25', '--out', again]
    expect((await isthmus(home, 'merge', ...models, ...apply)).code).toBe(0)
    expect(sameBytes(join(again, 'model.safetensors'), join(out, 'model.safetensors'))).toBe(true)
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain('θ = 0.5 · θ_A + 0.25 · π_B(θ_B) + 0.25 · π_C(θ_C)')
    const few = await isthmus(home, 'merge', ...models, '--method', 'vanilla', '--lambda', '0.5', '--out', again)
    expect(few.code).toBe(2)
    expect(few.stderr).toBe(
      'isthmus: --lambda 0.5 has 1 weights, but there are 3 models: give one each, 0.5,0.25,0.25\n',
    )
  })

  it('applies an alignment to a model, and says so when it was made for another', async () => {
    const file = join(home, 'first.safetensors')
    const align = ['--align', 'datasets/books', '--set', 'alignment.fraction=0.002', '--method', 'residual/first+ffn']
    expect((await isthmus(home, 'align', a, b, ...align, '--out', file)).code).toBe(0)
    const out = join(home, 'applied')
    const { stdout, stderr } = await isthmus(home, 'apply', file, b, '--out', out)
    expect(stderr).not.toContain('was made for')
    expect(stdout).toMatch(
      /applied: seed-2 moved by ffn\+residual\/first; its function is kept \(logits moved by \d\.\de-[56]\)\n$/,
    )
    expect(sameBytes(join(out, 'permutations.safetensors'), file)).toBe(true)
    const whole = await isthmus(
      home,
      'merge',
      a,
      b,
      '--permutations',
      file,
      '--lambda',
      '0',
      '--out',
      join(home, 'zero'),
    )
    expect(whole.code).toBe(0)
    expect(sameBytes(join(out, 'model.safetensors'), join(home, 'zero', 'model.safetensors'))).toBe(true)
    const other = await isthmus(home, 'apply', file, a, '--out', join(home, 'other'))
    expect(other.stderr).toMatch(
      /first\.safetensors was made for a model of digest [0-9a-f]{64}; seed-1 is another one\n/,
    )
    expect(other.code).toBe(0)
  })

  it('does not overwrite a model unless told to', async () => {
    const out = join(home, 'twice')
    const vanilla = ['merge', a, b, '--method', 'vanilla', '--out', out]
    expect((await isthmus(home, ...vanilla)).code).toBe(0)
    const { code, stderr } = await isthmus(home, ...vanilla)
    expect(code).toBe(2)
    expect(stderr).toBe(`isthmus: ${out} holds a checkpoint already: choose another folder, or set overwrite\n`)
    expect((await isthmus(home, ...vanilla, '--overwrite')).code).toBe(0)
  })
})

describe('isthmus cache and doctor', () => {
  it('counts and verifies', async () => {
    const stats = JSON.parse((await isthmus(home, 'cache', 'stats', '--json')).stdout)
    expect(stats.records).toBeGreaterThan(10)
    const { code, stdout } = await isthmus(home, 'cache', 'verify')
    expect(stdout).toMatch(/checked: all sound, 0 orphaned files\n$/)
    expect(code).toBe(0)
  })

  it('shows what garbage collection would remove, and removes nothing', async () => {
    const { stdout } = await isthmus(home, 'cache', 'gc', '--older-than', '0')
    expect(stdout).toMatch(/^would remove/)
    expect((await runSmall(home)).stderr).toMatch(/steps: 0 computed/)
  })

  it('says what the machine has', async () => {
    const { stdout } = await isthmus(home, 'doctor', '--json')
    const { engines, adapters } = JSON.parse(stdout)
    expect(adapters === null).toBe(process.platform !== 'linux')
    if (adapters?.taken) expect(adapters.found).toContain(adapters.taken)
    expect(engines).toMatchObject([
      { name: 'onnx', executionProviders: expect.arrayContaining(['cpu']) },
      { name: 'tfjs', executionProviders: expect.arrayContaining(['wasm']) },
    ])
    expect((await isthmus(home, 'doctor')).stdout).toMatch(/^adapters {6}\S.*$/m)
  })
})

it('needs no build by the user: the command is built from its sources', () => {
  expect(existsSync(join(workspace, 'apps/cli/dist'))).toBe(true)
})

function smallSettings(...more: string[]): string[] {
  const settings = ['seeds=1,2', 'methods=vanilla,ffn', 'lambdas=3', 'alignment.fraction=0.002', 'evaluation.blocks=4']
  return [...settings, ...more].flatMap((setting) => ['--set', setting])
}

function sameBytes(one: string, other: string): boolean {
  return readFileSync(one).equals(readFileSync(other))
}

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isthmus, runSmall, small, temporaryFolder, workspace } from './run-isthmus.ts'

let home: string

beforeAll(() => {
  home = temporaryFolder()
})

afterAll(() => rmSync(home, { recursive: true }))

const settings = (...more: readonly string[]) => [...small, ...more].flatMap((setting) => ['--set', setting])

describe('isthmus run --limit and --only', () => {
  it('stops when so many steps have been computed, and goes on with the others', async () => {
    const first = await isthmus(home, 'run', 'quickstart', ...settings(), '--limit', '4')
    expect(first.code).toBe(0)
    expect(first.stderr).toMatch(
      /13 steps: 4 computed, 1 from the cache, 8 left; .*; stopped after 4 steps by --limit; run again/,
    )
    const gates = await isthmus(home, 'run', 'quickstart', ...settings(), '--only', 'gate*', '--only', 'merging.*')
    expect(gates.code).toBe(0)
    expect(gates.stderr).toMatch(/8 steps: /)
    const query = "select count(*) as n from alignment where symmetry = 'kept'"
    expect(JSON.parse((await isthmus(home, 'sql', query, '--format', 'json')).stdout)).toEqual([{ n: 2 }])
    const rest = await runSmall(home)
    expect(rest.stderr).toMatch(/13 steps: \d computed, \d+ from the cache; /)
    expect(rest.stdout).toMatch(/vanilla +│ +\d\.\d{3}/)
  })

  it('plans only what is asked for', async () => {
    const { stdout } = await isthmus(home, 'plan', 'quickstart', ...settings(), '--only', 'evaluation.model-loss')
    expect(stdout).toMatch(/3 steps, 3 cached, 0 to compute\n$/)
  })

  it.each([
    [
      ['--only', 'gait*'],
      /^isthmus: --only gait\*: none of the 13 steps has such a label or operation; there are 'align /m,
    ],
    [['--limit', '0'], /^isthmus: --limit 0: expected a whole number of at least 1\n/m],
    [['--max-failures', 'x'], /^isthmus: --max-failures x: expected a whole number of at least 1\n/m],
    [['--memory', 'lots'], /^isthmus: --memory lots: expected a size, as in --memory 20GB\n/m],
    [
      ['--foreground', '--jobs', '2'],
      /^isthmus: --jobs is of a pool of processes, and --foreground computes in this one/m,
    ],
  ])('refuses %j', async (options, sentence) => {
    const { code, stderr } = await isthmus(home, 'run', 'quickstart', ...settings(), ...options)
    expect(stderr).toMatch(sentence)
    expect(code).toBe(2)
  })
})

describe('a step that fails', () => {
  const failing = () => {
    const folder = join(home, "the author's text")
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'empty.raw')
    writeFileSync(file, '')
    return settings(`wikitext=${file}`, 'evaluation.seed=sweep(1..3)')
  }

  it('shows its cause once, with the command that runs it alone in the foreground', async () => {
    const { code, stderr } = await isthmus(home, 'run', 'quickstart', ...failing())
    expect(code).toBe(2)
    expect(stderr).toMatch(/ 3 failed, 12 not run because of a failure; /)
    expect(stderr.match(/0 tokens, but one block of 128 needs 126/g)).toHaveLength(1)
    expect(stderr).toContain('\n  … and 2 more with the same cause\n')
    const [, command] = /\n {2}again, by itself: npx isthmus (.*)\n/.exec(stderr)!
    const again = spawnSync('sh', ['-c', `"$NODE" "$PROGRAM" ${command}`], {
      cwd: workspace,
      env: {
        ...process.env,
        ISTHMUS_HOME: home,
        NODE: process.execPath,
        PROGRAM: join(workspace, 'apps/cli/bin/isthmus.mjs'),
      },
      encoding: 'utf8',
    })
    expect(again.status).toBe(2)
    expect(again.stderr).toMatch(/\n1 steps: 0 computed, 0 from the cache, 1 failed; /)
    expect(again.stderr).toContain(command!)
  })

  it('ends the run where --max-failures says so', async () => {
    const { code, stderr } = await isthmus(
      ...([home, 'run', 'quickstart', ...failing(), '--max-failures', '1', '--jobs', '1'] as const),
    )
    expect(code).toBe(2)
    expect(stderr).toMatch(/ 1 failed, .* interrupted; .*; run again to go on/)
  })
})

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyFamily, isthmus, runSmall, temporaryFolder } from './run-isthmus.ts'

let folder: string

beforeAll(() => {
  folder = temporaryFolder()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const home = () => join(folder, 'home')

describe('what the user reads', () => {
  it('of a truncated checkpoint', async () => {
    const family = copyFamily(join(folder, 'truncated'))
    const file = join(family, 'seed-2', 'model.safetensors')
    truncateSync(file, 1_000_000)
    const { code, stderr } = await runSmall(home(), `family=${family}`)
    expect(code).toBe(2)
    expect(lastLine(stderr)).toMatch(
      /^isthmus: tensor 'bert\.[\w.]+' of .*seed-2\/model\.safetensors ends at byte \d+ of the data, but the file has only \d+: it is truncated; save or download the file again$/,
    )
    expect(lastLine(stderr)).not.toContain('    at ')
  })

  it('of models of different shapes', async () => {
    const family = copyFamily(join(folder, 'shapes'))
    editConfig(join(family, 'seed-2'), { intermediate_size: 256 })
    const { code, stderr } = await runSmall(home(), `family=${family}`)
    expect(code).toBe(2)
    expect(lastLine(stderr)).toMatch(
      /seed-2\/config\.json: config\.json asks for bert\.encoder\.layer\.0\.intermediate\.dense\.weight of shape \[256, 128\], but it is \[512, 128\]; the weights and the config are of different models$/,
    )
  })

  it('of different vocabularies', async () => {
    const family = copyFamily(join(folder, 'vocabulary'))
    const file = join(family, 'seed-2', 'tokenizer.json')
    const tokenizer = JSON.parse(readFileSync(file, 'utf8'))
    const { vocab } = tokenizer.model
    const [first, second] = ['the', 'of']
    Object.assign(vocab, { [first]: vocab[second], [second]: vocab[first] })
    writeFileSync(file, JSON.stringify(tokenizer))
    const { code, stderr } = await runSmall(home(), `family=${family}`)
    expect(code).toBe(2)
    expect(lastLine(stderr)).toMatch(/seed-1\/tokenizer\.json.*seed-2\/tokenizer\.json/)
    expect(lastLine(stderr)).toMatch(/'the'|'of'/)
  })

  it('of an empty corpus', async () => {
    const books = join(folder, 'empty')
    mkdirSync(books)
    const { code, stderr } = await runSmall(home(), `books=${books}`)
    expect(code).toBe(2)
    expect(lastLine(stderr)).toContain(books)
    expect(lastLine(stderr)).toMatch(/\{genre\}\/\{book\}\.txt/)
  })

  it('of books that are too short', async () => {
    const books = join(folder, 'short')
    mkdirSync(join(books, 'novels'), { recursive: true })
    writeFileSync(join(books, 'novels', 'haiku.txt'), 'one line\n'.repeat(3))
    const { code, stderr } = await runSmall(home(), `books=${books}`)
    expect(code).toBe(2)
    expect(lastLine(stderr)).toMatch(
      /has 100 non-empty lines: the longest, novels\/haiku\.txt, has 3; add longer books or lower linesPerBook$/,
    )
  })

  it('of an unknown method', async () => {
    const { code, stderr } = await runSmall(home(), 'methods=vanilla,telepathy')
    expect(code).toBe(2)
    expect(lastLine(stderr)).toBe(
      "isthmus: method 'telepathy' has an unknown part 'telepathy'; there are vanilla, learned, identity, monotonic, ignore-heads, " +
        'head-perm, weight-matching, optimal-transport, ffn, attention/identity, attention/monotonic, attention/ignore-heads, attention/head-perm, ' +
        'residual/identity, residual/first, residual/last, residual/all, residual/separate, ffn/weights, ' +
        'attention/weights, residual/weights, ffn/transport, attention/transport, residual/transport, joined by +',
    )
  })

  it('of an unknown study, command and option', async () => {
    expect((await isthmus(home(), 'run', 'nonsense')).stderr).toBe(
      "isthmus: there is no study 'nonsense': it would be experiments/nonsense/study.ts; there are attention-heads, " +
        'components, convergent-learning, data-amount, evaluation-protocols, family, learned-matching, paper, quickstart, ' +
        'residual-stream, tasks, without-activations\n',
    )
    for (const wrong of [['fly'], ['run'], ['run', 'quickstart', '--speed', 'warp']]) {
      expect((await isthmus(home(), ...wrong)).code).toBe(2)
    }
  })

  it('of a λ outside the line', async () => {
    const models = ['datasets/models/seed-1', 'datasets/models/seed-2']
    const { code, stderr } = await isthmus(
      home(),
      'merge',
      ...models,
      '--method',
      'vanilla',
      '--lambda',
      '1.5',
      '--out',
      join(folder, 'x'),
    )
    expect(code).toBe(2)
    expect(stderr).toBe('isthmus: λ must be between 0 (model B) and 1 (model A), found 1.5\n')
  })

  it('of results that are not there yet', async () => {
    const { code, stderr } = await isthmus(join(folder, 'fresh'), 'leaderboard')
    expect(code).toBe(2)
    expect(stderr).toMatch(/There are no results at .* yet: run a study first, e\.g\. isthmus run quickstart\n$/)
  })
})

describe('a cache that is damaged or cannot be written', () => {
  it('notices a corrupt blob by its digest, computes it again, says so, and ends with the same results', async () => {
    const own = join(folder, 'corrupt')
    await runSmall(own)
    const before = await digests(own)
    const blob = blobOf(own, 'activations.correlate')
    chmodSync(blob, 0o644)
    writeFileSync(blob, 'damaged')
    const { code, stderr } = await runSmall(own, 'methods=vanilla,ffn,attention/identity+ffn')
    expect(stderr).toMatch(
      /a cached result of 'correlate ffn of seed-1 and seed-2' is corrupt \(blob \w+\); computing it again/,
    )
    expect(code).toBe(0)
    const after = await digests(own)
    expect(after).toEqual(expect.arrayContaining(before))
    expect((await isthmus(own, 'cache', 'verify')).code).toBe(0)
  })

  it.skipIf(!canMount())(
    'says that the disk is full, and goes on when it is not (needs root, to mount a small one)',
    async () => {
      const disk = mount('full', 'size=6m')
      const { code, stderr } = await runSmall(disk, 'alignment.fraction=0.01')
      expect(code).toBe(2)
      expect(stderr).toMatch(/isthmus: .*(full|space).*\n/i)
      execFileSync('mount', ['-o', 'remount,size=200m', disk])
      expect((await runSmall(disk, 'alignment.fraction=0.01')).code).toBe(0)
      execFileSync('umount', ['-l', disk])
    },
  )

  it.skipIf(!canMount())('says that the cache is read-only (needs root, to mount one that is)', async () => {
    const disk = mount('readonly', 'size=1m')
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const { code, stderr } = await runSmall(disk)
    execFileSync('umount', ['-l', disk])
    expect(code).toBe(2)
    expect(lastLine(stderr)).toMatch(
      new RegExp(`^isthmus: The cache ${disk}/cache cannot be written \\(EROFS\\): give yourself write permission`),
    )
  })
})

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)!
}

function editConfig(model: string, change: object): void {
  const file = join(model, 'config.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))
}

async function digests(own: string): Promise<string[]> {
  const { stdout } = await isthmus(own, 'sql', 'select key || digest as id from artifact', '--format', 'json')
  return JSON.parse(stdout).map(({ id }: { id: string }) => id)
}

/** The file of a blob that an operation produced. */
function blobOf(own: string, operation: string): string {
  const packs = readdirSync(join(own, 'cache/actions')).map((pack) =>
    readFileSync(join(own, 'cache/actions', pack), 'utf8'),
  )
  const line = packs
    .join('\n')
    .split('\n')
    .find((text) => text.includes(`"${operation}"`))!
  const digest = /"blobs":\{"\w+":"(\w{64})"/.exec(line)![1]!
  return join(own, 'cache/blobs', digest.slice(0, 2), digest)
}

/** Whether this process may mount file systems: as root on Linux, outside an unprivileged container. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const probe = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true })
  }
}

function mount(name: string, options: string): string {
  const disk = join(folder, name)
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk])
  return disk
}

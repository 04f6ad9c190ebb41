import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { alignmentMethod } from '@isthmus/alignment'
import { figures } from '@isthmus/figures'
import { type LeaderboardRow, publishedRows } from '@isthmus/results'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leaderboardText } from '../src/leaderboard-table.ts'
import { isthmus, runSmall, temporaryFolder } from './run-isthmus.ts'

let home: string

beforeAll(async () => {
  home = temporaryFolder()
  const { code, stderr } = await runSmall(home, 'methods=vanilla,ffn,monotonic,head-perm')
  expect(stderr).toMatch(/steps: /)
  expect(code).toBe(0)
})

afterAll(() => rmSync(home, { recursive: true }))

/** Those of a study that has one amount of text, no task, and trains nothing. */
const drawable = figures
  .map(({ name }) => name)
  .filter((name) => !['data-amount', 'task-curves', 'training-curves'].includes(name))

describe('isthmus plot', () => {
  it.each(drawable)('draws %s of the only study, the same every time', async (name) => {
    const [first, again] = [join(home, `${name}.svg`), join(home, 'again', `${name}.svg`)]
    const { code, stdout, stderr } = await isthmus(home, 'plot', name, '--out', first)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${first}: .* \\(quickstart\\)\\n$`))
    await isthmus(home, 'plot', name, '--study', 'quickstart', '--out', again)
    const svg = readFileSync(first, 'utf8')
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    expect(svg).toContain('Study quickstart')
    expect(readFileSync(again, 'utf8')).toBe(svg)
  })

  it('draws the pair, layer and method of a matrix that are asked for', async () => {
    const out = join(home, 'chosen.svg')
    const chosen = ['--pair', 'seed-1,seed-2', '--layer', '2', '--method', 'monotonic']
    const { stderr } = await isthmus(home, 'plot', 'correlation-heatmap', ...chosen, '--out', out)
    expect(stderr).toBe('')
    expect(readFileSync(out, 'utf8')).toContain('features of seed-1 and seed-2 in layer 2, before and after alignment')
    expect(readFileSync(out, 'utf8')).toContain('permuted by ffn+attention/monotonic')
  })

  it('puts a page around a figure that needs nothing from outside', async () => {
    const out = join(home, 'page.html')
    expect((await isthmus(home, 'plot', 'barriers', '--out', out)).code).toBe(0)
    const page = readFileSync(out, 'utf8')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).toContain('<title>Loss barriers by alignment method</title>')
    expect(requests(page)).toEqual([])
  })

  it.each([
    [['pie', '--out', 'x.svg'], `there is no figure 'pie'; there are ${figures.map(({ name }) => name).join(', ')}`],
    [['barriers', '--out', 'x.png'], '--out x.png: give a file that ends in .svg or .html'],
    [
      ['barriers', '--study', 'thesis', '--out', 'x.svg'],
      'No results of a study "thesis": run it first, isthmus run thesis',
    ],
    [
      ['data-amount', '--out', 'x.svg'],
      'Study "quickstart" has one amount of text, and data-amount is drawn over several: run it with ' +
        "isthmus run quickstart --set 'alignment.fraction=sweep(0.01,0.1,1)'",
    ],
    [
      ['correlation-heatmap', '--layer', 'last', '--out', 'x.svg'],
      '--layer last: give the number of a layer, counted from 0',
    ],
    [
      ['correlation-heatmap', '--pair', 'seed-1', '--out', 'x.svg'],
      '--pair seed-1: give two models, as in --pair seed-1,seed-2',
    ],
  ])('says what to do about %j', async (args, sentence) => {
    const { code, stderr } = await isthmus(home, 'plot', ...args)
    expect(stderr).toBe(`isthmus: ${sentence}\n`)
    expect(code).toBe(2)
    expect(existsSync('x.svg')).toBe(false)
  })

  it('names every figure in its help', async () => {
    const { stdout } = await isthmus(home, 'plot', '--help')
    for (const { name } of figures) expect(stdout.replace(/\s+/g, ' ')).toContain(name)
  })

  it('says that there are no results where nothing has been run', async () => {
    const empty = temporaryFolder()
    const { code, stderr } = await isthmus(empty, 'plot', 'barriers', '--out', 'x.svg')
    rmSync(empty, { recursive: true })
    expect(stderr).toMatch(/^isthmus: There are no results at .*: run a study first, e\.g\. isthmus run quickstart\n$/)
    expect(code).toBe(2)
  })
})

describe('isthmus report', () => {
  it('writes one page and the figures, and replaces them whole', async () => {
    const out = join(home, 'report')
    const first = await isthmus(home, 'report', 'quickstart', '--out', out)
    expect(first.stderr).toBe('')
    expect(first.code).toBe(0)
    expect(visible(out)).toEqual(['index.html', ...drawable.map((name) => `quickstart-${name}.svg`)].sort())
    const page = readFileSync(join(out, 'index.html'), 'utf8')
    expect(page).toContain(
      'npx isthmus run quickstart --set seeds=1,2 --set methods=vanilla,ffn,monotonic,head-perm --set lambdas=3 ' +
        '--set alignment.fraction=0.002 --set evaluation.blocks=4<',
    )
    expect(page).toContain('ffn+attention/head-perm')
    expect(page.match(/<svg /g)).toHaveLength(drawable.length)
    for (const name of drawable) {
      expect(page).toContain(readFileSync(join(out, `quickstart-${name}.svg`), 'utf8').trimEnd())
    }
    expect(page).toContain('none of them moved a logit by more than 1e-4')
    expect(requests(page)).toEqual([])
    writeFileSync(join(out, 'stale.svg'), '')
    expect((await isthmus(home, 'report', 'quickstart', '--out', out)).code).toBe(0)
    expect(visible(out)).not.toContain('stale.svg')
    expect(readFileSync(join(out, 'index.html'), 'utf8')).toBe(page)
    expect(readdirSync(home).filter((name) => /\.(tmp|old)$/.test(name))).toEqual([])
  })

  it('replaces no folder that holds something else', async () => {
    const out = join(home, 'thesis')
    mkdirSync(out)
    writeFileSync(join(out, 'chapter.tex'), 'years of work')
    const { code, stderr } = await isthmus(home, 'report', 'quickstart', '--out', out)
    expect(stderr).toBe(
      `isthmus: --out ${out} holds files that are no report: give a new folder, or one that holds such a report\n`,
    )
    expect(code).toBe(2)
    expect(readdirSync(out)).toEqual(['chapter.tex'])
  })

  it('names the studies that there are', async () => {
    const { code, stderr } = await isthmus(home, 'report', 'quickstart', 'thesis', '--out', join(home, 'none'))
    expect(stderr).toMatch(/^isthmus: No results of a study "thesis"; there are quickstart: run it first/)
    expect(code).toBe(2)
    expect(existsSync(join(home, 'none'))).toBe(false)
  })
})

describe('published barriers', () => {
  it('have a column in the leaderboard of their study, and of no other', async () => {
    const header = async (...args: string[]) => (await isthmus(home, 'leaderboard', ...args)).stdout.split('\n')[1]
    expect(await header('--study', 'quickstart')).not.toContain('published')
    const rows = [leaderboardRow('vanilla'), leaderboardRow('ffn+attention/head-perm')]
    const text = leaderboardText(rows, 'markdown', publishedRows, 'attention-heads')
    expect(text).toMatch(/95 % interval \| published +\|/)
    expect(text).toMatch(/head-perm \|.*\| 3\.71 ± 0\.23 \|/)
    expect(text).toContain('published: barrier ± s.e. of Verma & Elbayad (2024)')
    expect(leaderboardText(rows, 'markdown', publishedRows, 'quickstart')).not.toContain('published')
    expect(leaderboardText(rows, 'json', publishedRows, 'attention-heads')).not.toContain('3.71')
  })

  it('are of methods by the names that ours have', () => {
    expect(publishedRows.map(({ method }) => alignmentMethod(method).name)).toEqual(
      publishedRows.map(({ method }) => method),
    )
  })
})

function leaderboardRow(method: string): LeaderboardRow {
  return {
    ...{ method, pairs: 1, models: 2, barrier: 4, barrier_stderr: null, barrier_low: null, barrier_high: null },
    ...{ barrier_linear: 4, midpoint: 4, difference_to_vanilla: null, difference_low: null, difference_high: null },
    ...{ symmetry: 'kept', max_abs_logit_difference: 0, tokens: null, seconds: null },
  }
}

/** What a page would load from elsewhere; links that a reader may follow load nothing. */
function requests(page: string): string[] {
  return [...page.matchAll(/(?:\bsrc=|xlink:href=|<link[^>]*href=|url\(|@import)\s*["']?([^"')\s>]*)/g)]
    .map(([, target]) => target!)
    .filter((target) => !target.startsWith('data:'))
}

function visible(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
}

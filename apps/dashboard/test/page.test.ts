import { randomUUID } from 'node:crypto'
import { schemaVersion } from '@isthmus/results'
import { createToken } from '@isthmus/server'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Browser, startBrowser } from './browser.ts'
import { contradictingRecords, disagree } from './disagreement.ts'
import { sampleMethods, samplePairs, sampleResults, studyRows } from './sample-results.ts'
import { type Lab, startLab, withRows } from './start-lab.ts'

let lab: Lab
let browser: Browser
let page: Page
/** What went wrong on the page, and every host that it asked. */
let complaints: string[]
let hosts: Set<string>

beforeAll(async () => {
  lab = await startLab(withRows(sampleResults()))
  browser = await startBrowser()
})

afterAll(async () => {
  await browser?.close()
  await lab?.stop()
})

beforeEach(async () => {
  complaints = []
  hosts = new Set()
  page = await browser.context.newPage()
  page.setDefaultTimeout(30_000)
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('request', (request) => hosts.add(new URL(request.url()).host))
})

afterEach(async () => {
  await page.close()
  expect(complaints).toEqual([])
  hosts.delete('')
  expect([...hosts].filter((host) => !host.startsWith('127.0.0.1'))).toEqual([])
})

const open = (hash: string) => page.goto(`${lab.url}/#/${hash}`)
const rowsOf = (label: string) => page.getByRole('region', { name: label, exact: true }).locator('tbody tr')
const resultHash = `result?study=heads&pair=${encodeURIComponent(samplePairs[0]!)}&method=head-perm`

describe('studies', () => {
  it('are listed with what they hold, and lead to their results', async () => {
    await page.goto(lab.url)
    await expect.poll(() => rowsOf('Studies').count()).toBe(2)
    expect(await rowsOf('Studies').filter({ hasText: 'heads' }).innerText()).toMatch(/heads\s+24\s+4\s+6\s+1\s+1/)
    await page.getByRole('link', { name: 'amount', exact: true }).click()
    await expect.poll(() => page.getByRole('status').innerText()).toBe('1–48 of 48 results')
  })
})

describe('the table of results', () => {
  it('filters by study, words and bounds, and the address says so', async () => {
    await open('results')
    await expect.poll(() => page.getByRole('status').innerText()).toBe('1–72 of 72 results')
    await page.getByRole('combobox', { name: 'Study' }).selectOption('heads')
    await page.getByLabel('Search').fill('seed-1 head-perm')
    await expect.poll(() => page.getByRole('status').innerText()).toBe('1–3 of 3 results')
    await expect.poll(() => rowsOf('Results').count()).toBe(3)
    expect(page.url()).toContain('study=heads&search=seed-1+head-perm')
    await page.reload()
    await expect.poll(() => rowsOf('Results').count()).toBe(3)
    await page.getByLabel('Barrier from').pressSequentially('3.25')
    await page.getByLabel('Barrier from').press('Enter')
    await expect.poll(() => rowsOf('Results').count()).toBe(2)
  })

  it('sorts, the largest first on the second press', async () => {
    await open('results?study=heads')
    const heading = page.getByRole('columnheader', { name: 'Barrier' })
    await heading.getByRole('button').click()
    await expect.poll(() => heading.getAttribute('aria-sort')).toBe('ascending')
    await expect.poll(() => rowsOf('Results').first().innerText()).toContain('2.800')
    await heading.getByRole('button').click()
    await expect.poll(() => rowsOf('Results').first().innerText()).toContain('4.500')
  })

  it('groups, and a group leads to its results', async () => {
    await open('results?study=heads')
    await page.getByLabel('Group by').selectOption('method')
    await expect.poll(() => rowsOf('Results').count()).toBe(sampleMethods.length)
    await page.getByRole('link', { name: 'vanilla' }).click()
    await expect.poll(() => page.getByRole('status').innerText()).toBe('1–6 of 6 results')
  })

  it('shows the columns that are chosen', async () => {
    await open('results?study=heads')
    await page.getByText('Columns', { exact: true }).click()
    await page.getByRole('checkbox', { name: 'Tokens' }).check()
    await expect.poll(() => page.getByRole('columnheader', { name: 'Tokens' }).count()).toBe(1)
    await expect.poll(() => rowsOf('Results').first().innerText()).toContain('76,812')
  })

  it('has the points of curves, filtered and grouped as results are', async () => {
    await open('results?study=heads&method=vanilla')
    await page.getByRole('combobox', { name: 'Rows' }).selectOption('points of curves')
    await expect.poll(() => page.getByRole('status').innerText()).toMatch(/^1–(\d+) of \1 points$/)
    const points = Number(/of (\d+)/.exec(await page.getByRole('status').innerText())![1])
    expect(points % 6).toBe(0)
    await expect.poll(() => rowsOf('Results').count()).toBe(points)
    const heading = page.getByRole('columnheader', { name: 'Loss', exact: true })
    await heading.getByRole('button').click()
    await expect.poll(() => heading.getAttribute('aria-sort')).toBe('ascending')
    await page.getByLabel('Group by').selectOption('lam')
    await expect.poll(() => rowsOf('Results').count()).toBe(points / 6)
    await expect.poll(() => rowsOf('Results').first().innerText()).toMatch(/^0\s+6\s/)
    expect(page.url()).toContain('rows=points')
  })

  it('has pages', async () => {
    await open('results?page=1')
    await expect.poll(() => page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Previous' }).click()
    await expect.poll(() => rowsOf('Results').count()).toBe(72)
  })
})

describe('the leaderboard', () => {
  it('has a row for each method with intervals, and pools what is not told apart', async () => {
    await open('leaderboard?study=amount')
    await expect.poll(() => rowsOf('Leaderboard').count()).toBe(2 * sampleMethods.length)
    expect(await rowsOf('Leaderboard').first().innerText()).toMatch(/\[\d\.\d{3}, \d\.\d{3}\]/)
    await page.getByRole('checkbox', { name: 'variant' }).uncheck()
    await expect.poll(() => rowsOf('Leaderboard').count()).toBe(sampleMethods.length)
    expect(await rowsOf('Leaderboard').first().innerText()).toContain('ignore-heads')
  })
})

describe('linked views', () => {
  const curves = () => page.getByRole('img', { name: 'Loss against λ of what is chosen' })
  const lines = () => curves().locator('g[aria-label="line"] path').count()
  const correlations = () => page.getByRole('img', { name: 'Mean feature correlation by layer and site' })

  it('show in every chart what is chosen by a button, a cell, or a range', async () => {
    await open('linked?study=heads')
    await expect.poll(lines).toBe(24)
    await expect.poll(() => correlations().locator('g[aria-label="line"] path').count()).toBe(8)

    await page.getByRole('button', { name: 'vanilla' }).press('Enter')
    await expect.poll(lines).toBe(6)
    await expect.poll(() => correlations().locator('g[aria-label="line"] path').count()).toBe(2)
    await page.getByRole('link', { name: 'Show everything' }).click()
    await expect.poll(lines).toBe(24)

    const cell = page.getByRole('img', { name: 'Heat map' }).locator('g[aria-label="cell"] rect').first()
    await cell.dispatchEvent('pointerdown')
    await expect.poll(lines).toBe(1)
    expect(page.url()).toContain('method=')
    expect(page.url()).toContain('pair=')
    await page.getByRole('link', { name: 'Show everything' }).click()
    await expect.poll(lines).toBe(24)

    const dots = (await page.getByRole('img', { name: 'Barrier by method, one dot' }).locator('svg').boundingBox())!
    await page.mouse.move(dots.x + dots.width * 0.7, dots.y + 60)
    await page.mouse.down()
    await page.mouse.move(dots.x + dots.width * 0.95, dots.y + 60, { steps: 5 })
    await page.mouse.up()
    await expect.poll(() => page.url()).toContain('low=')
    await expect.poll(lines).toBeLessThan(24)
  })

  it('open as they were shared', async () => {
    await open('linked?study=heads&method=vanilla&method=ffn&low=3.9&high=9')
    await expect.poll(lines).toBe(8)
    expect(await page.getByRole('button', { name: 'ffn' }).getAttribute('aria-pressed')).toBe('true')
  })
})

describe('comparison', () => {
  it('shows the settings in which ticked results differ, their numbers and their curves', async () => {
    await open('results?study=amount&search=seed-1%7Cseed-2+vanilla')
    await expect.poll(() => rowsOf('Results').count()).toBe(2)
    for (const box of await rowsOf('Results').getByRole('checkbox').all()) await box.check()
    await page.getByRole('link', { name: 'Compare 2' }).click()
    const region = page.getByRole('region', { name: 'Numbers and settings' })
    await expect.poll(() => region.getByRole('columnheader', { name: 'alignment.fraction' }).count()).toBe(1)
    expect(await region.getByRole('columnheader', { name: 'alignment.seed' }).count()).toBe(0)
    expect(await region.locator('td.differs').allInnerTexts()).toEqual(['0.5', '0.1'])
    await expect.poll(() => page.locator('.chart g[aria-label="line"] path').count()).toBe(2)
    await page.getByLabel('show those that are equal').check()
    await expect.poll(() => region.getByRole('columnheader', { name: 'alignment.seed' }).count()).toBe(1)
  })
})

describe('the page of a result', () => {
  it('has its lineage back to text and checkpoints, and the command that makes it again', async () => {
    await open(resultHash)
    const boxes = page.locator('svg.lineage .box')
    await expect.poll(() => boxes.count()).toBe(7)
    const names = await boxes.evaluateAll((all) => all.map((box) => box.getAttribute('aria-label')!))
    expect(names.map((name) => name.replace(/, .*/, '')).sort()).toEqual([
      'file books',
      'file tokenizer',
      'model seed-1',
      'model seed-2',
      'result interpolated-loss',
      'step align',
      'step alignment-tokens',
    ])
    await page.getByRole('button', { name: 'step align,' }).press('Enter')
    await expect.poll(() => page.locator('.facts').innerText()).toContain('step align')
    expect(await page.locator('.command').first().innerText()).toBe(
      "npx isthmus run heads --only '*seed-1 and seed-2 by head-perm *' --only '*loss of seed-1' --only '*loss of seed-2'",
    )
  })

  it('takes notes and tags, by which results are found', async () => {
    await open(resultHash)
    await page.getByLabel('New tag').fill('surprising')
    await page.getByRole('button', { name: 'Tag', exact: true }).click()
    await page.getByLabel('New note').fill('Look at layer 3.\nTwice.')
    await page.getByRole('button', { name: 'Write' }).click()
    await expect.poll(() => page.getByRole('article').innerText()).toContain('Look at layer 3.')
    await page.getByRole('link', { name: 'surprising' }).click()
    await expect.poll(() => page.getByRole('status').innerText()).toBe('1–1 of 1 results')
  })

  it('says so when there is none', async () => {
    await open('result?study=heads&pair=x&method=y')
    await expect.poll(() => page.locator('main').innerText()).toContain('There is no such result')
  })
})

describe('the console', () => {
  it('runs a query by Ctrl + Enter, saves it, and is shared by its address', async () => {
    await open('sql')
    const query = page.getByLabel('Query, one SELECT')
    await query.fill('select method, count(*) as n from barrier group by method order by method')
    await query.press('Control+Enter')
    await expect
      .poll(() => rowsOf('Answer').allInnerTexts())
      .toEqual(['ffn\t18', 'head-perm\t18', 'ignore-heads\t18', 'vanilla\t18'])
    await page.getByLabel('Name of the query').fill('counts')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.goto(`${lab.url}/#/studies`)
    await open('sql')
    await page.getByRole('link', { name: 'counts' }).click()
    await expect.poll(() => rowsOf('Answer').count()).toBe(4)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download CSV' }).click()
    expect((await download).suggestedFilename()).toBe('isthmus.csv')
  })

  it.each([
    ['drop table model', 'Results can only be read'],
    ["from read_csv('/etc/passwd')", 'disabled'],
    ["select * from glob('/*')", 'disabled'],
    ["attach 'other.duckdb'", 'Results can only be read'],
    ['select nothing from nowhere', 'nowhere does not exist'],
  ])('refuses %s', async (sql, reason) => {
    await open(`sql?q=${encodeURIComponent(sql)}`)
    await expect.poll(() => page.getByRole('alert').innerText()).toContain(reason)
  })
})

describe('live', () => {
  const put = (path: string, method: string, body: object) =>
    fetch(`${lab.url}/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('follows a sweep, and shows its rows as they arrive', async () => {
    await open('live')
    await expect.poll(() => page.locator('main').innerText()).toContain('Nothing runs')
    const progress = {
      ...{ study: 'sweep', startedAt: '2026-01-31T12:00:00.000Z', state: 'running', total: 50, ran: 10, cached: 5 },
      ...{ failed: 0, secondsLeft: 30, running: ['align seed-1 and seed-2'] },
    }
    const id = randomUUID()
    expect((await put(`runs/${id}`, 'PUT', progress)).status).toBe(200)
    await expect.poll(() => page.locator('.run').innerText()).toMatch(/15 \/ 50 · 30 s left/)
    expect(await page.locator('.run').innerText()).toContain('align seed-1 and seed-2')
    expect((await put(`runs/${id}`, 'PUT', { ...progress, ran: 45, state: 'finished', running: [] })).status).toBe(200)
    await expect.poll(() => page.locator('.run').innerText()).toMatch(/50 \/ 50 · finished/)

    await open('studies')
    await expect.poll(() => rowsOf('Studies').count()).toBe(2)
    const rows = studyRows('sweep', [{}])
    expect((await put('rows', 'POST', { schemaVersion, rows })).status).toBe(200)
    await expect.poll(() => rowsOf('Studies').count()).toBe(3)
  })
})

describe('the keyboard alone', () => {
  it('goes from the top to a result', async () => {
    await open('studies')
    await expect.poll(() => rowsOf('Studies').count()).toBeGreaterThan(1)
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
    const tabTo = async (text: string) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab')
        if ((await focused()) === text) return
      }
      throw new Error(`no press of Tab led to ${text}`)
    }
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the content')
    await tabTo('heads')
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineWidth)
    expect(outline).toBe('2px')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('status').innerText()).toBe('1–24 of 24 results')
    await page.keyboard.press('/')
    await page.keyboard.type('vanilla seed-3 seed-4')
    await expect.poll(() => rowsOf('Results').count()).toBe(1)
    await tabTo('open')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.name').innerText()).toBe('heads · seed-3 → seed-4 · vanilla')
  })
})

describe('a narrow page', () => {
  it.each([
    'studies',
    'results?study=heads',
    'leaderboard',
    'linked?study=heads',
    'compare?of=heads~~seed-1%7Cseed-2~vanilla&of=heads~~seed-1%7Cseed-2~ffn',
    resultHash,
    'live',
    'sql?q=from+leaderboard',
  ])('has room for %s', async (hash) => {
    await page.setViewportSize({ width: 380, height: 800 })
    await open(hash)
    await expect.poll(() => page.locator('main').innerText()).not.toMatch(/Loading …|Running …/)
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380)
    expect(await page.evaluate(overlaps)).toEqual([])
  })
})

/** Pairs of controls of which one lies over the other. Runs in the page. */
function overlaps(): string[] {
  const controls = [...document.querySelectorAll('a, button, input, select, textarea, summary, h1, h2')].filter(
    (element) => element.checkVisibility() && element.closest('.frame, .skip, .hidden') === null,
  )
  const boxes = controls.map((element) => element.getBoundingClientRect())
  const found: string[] = []
  for (const [index, one] of boxes.entries()) {
    for (let other = index + 1; other < boxes.length; other++) {
      const two = boxes[other]!
      const isOver =
        one.right > two.left + 1 && two.right > one.left + 1 && one.bottom > two.top + 1 && two.bottom > one.top + 1
      const isInside = controls[index]!.contains(controls[other]!) || controls[other]!.contains(controls[index]!)
      if (isOver && !isInside) found.push(`${controls[index]!.outerHTML} | ${controls[other]!.outerHTML}`)
    }
  }
  return found
}

describe('a disagreement', () => {
  it('is seen on every page at once, and leads by the keyboard alone to the result', async () => {
    const [{ key }] = contradictingRecords()
    const rows = studyRows('heads', [{}])
    const [first, ...others] = rows.alignments!
    const own = await startLab(withRows([{ ...rows, alignments: [{ ...first!, key }, ...others] }]))
    try {
      await page.goto(`${own.url}/#/studies`)
      await expect.poll(() => rowsOf('Studies').count()).toBe(1)
      expect(await page.getByRole('alert').count()).toBe(0)
      await disagree(own.url)
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('different value, which was refused')
      expect(await page.getByRole('link', { name: 'Live 1 disagreements' }).count()).toBe(1)
      await page.getByRole('link', { name: 'see disagreements' }).press('Enter')
      await expect.poll(() => rowsOf('Disagreements').count()).toBe(1)
      expect(await rowsOf('Disagreements').innerText()).toContain('local, isthmus 0.1.0')
      await expect.poll(() => rowsOf('Disagreements').innerText()).toContain('heads · ')
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('content')
      for (let presses = 0; presses < 5; presses++) {
        await page.keyboard.press('Tab')
        if (await page.evaluate(() => document.activeElement!.textContent!.startsWith('heads · '))) break
      }
      await page.keyboard.press('Enter')
      await expect.poll(() => page.locator('.name').innerText()).toBe('heads · seed-1 → seed-2 · vanilla')
    } finally {
      await page.goto('about:blank')
      await own.stop()
    }
  })
})

describe('what is being typed', () => {
  it('stays while a sweep reports', async () => {
    await open('results?study=heads')
    await expect.poll(() => rowsOf('Results').count()).toBe(24)
    const bound = page.getByLabel('Barrier from')
    await bound.focus()
    await page.keyboard.type('3.2')
    const progress = {
      ...{ study: 'typed', startedAt: '2026-01-31T12:00:00.000Z', state: 'running', total: 5, ran: 1, cached: 0 },
      ...{ failed: 0, secondsLeft: null, running: [] },
    }
    await fetch(`${lab.url}/v1/runs/${randomUUID()}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(progress),
    })
    await expect.poll(() => page.getByRole('link', { name: 'Live 1 running now' }).count()).toBe(1)
    expect(await bound.inputValue()).toBe('3.2')
    await page.keyboard.type('5')
    await page.keyboard.press('Enter')
    await expect.poll(() => rowsOf('Results').count()).toBeLessThan(24)
    expect(page.url()).toContain('low=3.25')
  })

  it('is not lost when the server refuses it', async () => {
    await open(resultHash)
    await page.route('**/v1/notes', (route) => route.fulfill({ status: 503, json: { message: 'The disk is full' } }))
    await page.getByLabel('New note').fill('Worth an hour.')
    await page.getByRole('button', { name: 'Write' }).click()
    await expect.poll(() => page.getByRole('alert').innerText()).toBe('The disk is full')
    expect(await page.getByLabel('New note').inputValue()).toBe('Worth an hour.')
  })
})

describe('a model that diverged', () => {
  it('does not break the views of the others', async () => {
    const rows = studyRows('heads', [{}])
    const points = rows.curvePoints!.map((point) =>
      point.method === 'ffn' && point.pair === samplePairs[0] && point.lam === 0.5
        ? { ...point, loss: Number.NaN }
        : point,
    )
    const own = await startLab(withRows([{ ...rows, curvePoints: points }]))
    try {
      await page.goto(`${own.url}/#/leaderboard`)
      await expect.poll(() => rowsOf('Leaderboard').count()).toBe(sampleMethods.length)
      expect(await rowsOf('Leaderboard').filter({ hasText: /^ffn/ }).locator('svg.interval').count()).toBe(0)
      const bars = page.locator('svg.interval circle')
      expect(await bars.evaluateAll((all) => all.every((bar) => Number(bar.getAttribute('cx')) > 0))).toBe(true)
      await page.goto(`${own.url}/#/linked`)
      const dots = page.getByRole('img', { name: 'Barrier by method, one dot' }).locator('g[aria-label="dot"] circle')
      await expect.poll(() => dots.count()).toBe(23)
      await page.goto(`${own.url}/#/result?study=heads&pair=${encodeURIComponent(samplePairs[0]!)}&method=ffn`)
      await expect.poll(() => page.locator('.chart g[aria-label="line"] path').count()).toBe(2)
      expect(await page.locator('.chart path').evaluateAll((all) => all.some((one) => /NaN/.test(one.outerHTML)))).toBe(
        false,
      )
    } finally {
      await page.goto('about:blank')
      await own.stop()
    }
  })
})

describe('a lost connection', () => {
  it('is said, and what was missed is asked for when it is back', async () => {
    let isCut = true
    await page.route('**/v1/events', (route) => (isCut ? route.abort() : route.continue()))
    await open('studies')
    await expect.poll(() => page.getByText('Connection lost').count()).toBe(1)
    isCut = false
    await expect.poll(() => page.getByText('Connection lost').count(), { timeout: 20_000 }).toBe(0)
  })
})

describe('addresses that mean nothing', () => {
  it.each(['constructor', 'results?page=9999', 'results?low=Infinity&page=1e300', 'linked?study=heads&low=x'])(
    'show a view: %s',
    async (hash) => {
      await open(hash)
      await expect.poll(() => page.locator('main').innerText()).not.toMatch(/Loading …|Counting …/)
      expect(await page.locator('main').innerText()).toMatch(/^(Studies|Results|Linked views)\n/)
      expect(await page.getByRole('alert').count()).toBe(0)
    },
  )
})

describe('tokens', () => {
  it('are asked for, refused, kept, and forgotten', async () => {
    const guarded = await startLab(withRows(sampleResults()))
    const other = await startBrowser()
    try {
      const page = await other.context.newPage()
      const token = createToken(guarded.home, 'ada', 'read')
      await page.goto(guarded.url)
      await page.getByLabel('Token').fill('isthmus_wrong')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('token')
      await page.getByLabel('Token').fill(token)
      await page.keyboard.press('Enter')
      await expect.poll(() => page.locator('.who').innerText()).toContain('ada read')
      await page.goto(`${guarded.url}/#/${resultHash}`)
      await expect.poll(() => page.locator('main').innerText()).toContain('takes a token with the role write')
      await page.getByRole('button', { name: 'Sign out' }).press('Enter')
      await expect.poll(() => page.getByLabel('Token').count()).toBe(1)
    } finally {
      // A server that stops waits for browsers that are connected.
      await other.close()
      await guarded.stop()
    }
  })
})

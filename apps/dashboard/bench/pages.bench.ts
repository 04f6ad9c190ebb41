import { copyFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { resultsPath } from '@isthmus/results'
import type { Page } from 'playwright-core'
import { encodeResult } from '../src/result-name.ts'
import { startBrowser } from '../test/browser.ts'
import { startLab } from '../test/start-lab.ts'

/** How long pages of a large lab take, from following a link to the last thing drawn, in a browser:
 *
 *      npm run generate -w @isthmus/results -- --results 100000 --out FILE
 *      npm run bench -w @isthmus/dashboard -- --file FILE
 */
const { values } = parseArgs({ options: { file: { type: 'string' } } })
if (values.file === undefined) {
  console.error('Usage: npm run bench -w @isthmus/dashboard -- --file FILE')
  process.exit(1)
}
const file = resolve(process.env.INIT_CWD ?? '.', values.file)
const rounds = 5
const results = '.frame tbody tr'

const lab = await startLab((home) => copyFile(file, resultsPath(home)))
const browser = await startBrowser()
const page = await browser.context.newPage()
try {
  await page.goto(`${lab.url}/#/live`)
  const [[one]] = (await ask('select min(study) from study_run')) as [[string]]
  const hundred = await ask(
    `select study, variant, pair, method from barrier order by barrier desc, study, variant, pair, method limit 100`,
  )
  const of = hundred
    .map(
      (row) =>
        `of=${encodeURIComponent(encodeResult({ study: row[0]!, variant: row[1]!, pair: row[2]!, method: row[3]! }))}`,
    )
    .join('&')
  await report('studies', 'studies', () => rows(1))
  await report('first page of results', 'results', () => rows(100))
  await report('sorted by barrier', 'results?sort=-barrier', () => rows(100))
  await report('searched', 'results?search=seed-3+ffn', () => rows(100))
  await report('grouped by method', 'results?group=method', () => rows(2))
  await report('leaderboard of all', 'leaderboard?study=all', () => rows(2))
  await report('leaderboard', `leaderboard?study=${one}`, () => rows(2))
  await report('compare 100', `compare?${of}`, async () => {
    await rows(100)
    await page.waitForFunction(() => document.querySelectorAll('.chart g[aria-label="line"] path').length === 100)
  })
} finally {
  await browser.close()
  await lab.stop()
}

async function report(name: string, hash: string, isShown: () => Promise<unknown>): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    await goto('live')
    await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Live')
    await page.waitForTimeout(300)
    const start = performance.now()
    await goto(hash)
    await isShown()
    times.push((performance.now() - start) / 1000)
  }
  times.sort((a, b) => a - b)
  const [least, median, most] = [times[0]!, times[Math.floor(rounds / 2)]!, times.at(-1)!]
  console.log(
    `${name.padEnd(24)} ${median.toFixed(2)} s (${least.toFixed(2)} to ${most.toFixed(2)} in ${rounds} rounds)`,
  )
}

/** As a link does, without loading the page again. */
function goto(hash: string): ReturnType<Page['evaluate']> {
  return page.evaluate((to) => {
    location.hash = `#/${to}`
  }, hash)
}

function rows(count: number): Promise<unknown> {
  return page.waitForFunction(([selector, least]) => document.querySelectorAll(selector).length >= least, [
    results,
    count,
  ] as const)
}

async function ask(sql: string): Promise<string[][]> {
  const response = await fetch(`${lab.url}/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  })
  return ((await response.json()) as { rows: string[][] }).rows
}

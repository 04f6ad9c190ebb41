import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { resultsPath, schemaVersion } from '@isthmus/results'
import type { Page } from 'playwright-core'
import { hrefOf } from '../src/address.ts'
import { encodeResult, type ResultName, resultHref, resultSubject } from '../src/result-name.ts'
import { type BrowserOptions, startBrowser } from '../test/browser.ts'
import { contradictingRecords, disagree } from '../test/disagreement.ts'
import { startLab } from '../test/start-lab.ts'

/** Take the pictures of docs/dashboard/ from the results in a home folder:
 *
 *      npx isthmus run attention-heads && npx isthmus run data-amount
 *      npm run screenshots -w @isthmus/dashboard -- --home .isthmus
 *
 *  The results are copied: a note, a tag, a disagreement and a run that goes on are made up for the pictures.
 */
const { values } = parseArgs({ options: { home: { type: 'string', default: '.isthmus' } } })
const home = resolve(process.env.INIT_CWD ?? '.', values.home)
const folder = fileURLToPath(new URL('../../../docs/dashboard/', import.meta.url))
const largestBytes = 200_000

const pair = 'seed-1|seed-2'
const study = 'attention-heads'
const shown: ResultName = { study, variant: '', pair, method: 'ffn+attention/head-perm' }
const sql = `select method, round(avg(barrier), 3) as barrier, count(*) as pairs
from barrier where study = '${study}'
group by method order by barrier`
const looks: Readonly<Record<string, BrowserOptions>> = {
  light: { width: 1200, height: 760, colorScheme: 'light' },
  dark: { width: 1200, height: 760, colorScheme: 'dark' },
  phone: { width: 390, height: 844, colorScheme: 'light' },
}

const run = randomUUID()
const progress = {
  ...{ study: 'data-amount', startedAt: new Date(Date.now() - 95_000).toISOString(), state: 'running', total: 500 },
  ...{ ran: 180, cached: 64, failed: 0, secondsLeft: 140 },
  running: ['align seed-2 and seed-4 by ffn+attention/head-perm', 'loss of seed-1 and seed-4 by vanilla at λ = 0.5'],
}

const lab = await startLab((to) => copyFile(resultsPath(home), resultsPath(to)))
try {
  await mkdir(folder, { recursive: true })
  await send('PUT', 'tags', { subject: resultSubject(shown), tag: 'reviewed' })
  await send('POST', 'notes', { subject: resultSubject(shown), text: 'The ends agree with the losses of the models.' })
  await disagree(lab.url)
  const [{ key, operation, inputs, seconds, output }] = contradictingRecords()
  const artifacts = [{ digest: output.digest, operation, key, inputs, seconds }]
  await send('POST', 'rows', { schemaVersion, rows: { artifacts } })
  const views = await addresses()
  for (const [look, options] of Object.entries(looks)) {
    const browser = await startBrowser(options)
    const page = await browser.context.newPage()
    for (const [view, address] of Object.entries(views)) await take(page, address, join(folder, `${view}-${look}.png`))
    await browser.close()
  }
} finally {
  await lab.stop()
}

async function addresses(): Promise<Readonly<Record<string, string>>> {
  const { rows } = (await send('POST', 'sql', {
    sql: `select study, variant, pair, method from barrier
          where study = 'data-amount' and pair = '${pair}' and method <> 'vanilla' order by variant limit 7`,
  })) as { rows: [string, string, string, string][] }
  const compared = rows.map(([of, variant, on, method]) => encodeResult({ study: of, variant, pair: on, method }))
  return {
    studies: hrefOf('studies'),
    results: hrefOf('results', { sort: 'barrier' }),
    leaderboard: hrefOf('leaderboard', { study }),
    linked: hrefOf('linked', { study, method: ['vanilla', 'ffn+attention/ignore-heads'] }),
    compare: hrefOf('compare', { of: compared }),
    result: resultHref(shown),
    live: hrefOf('live'),
    sql: hrefOf('sql', { q: sql }),
  }
}

async function take(page: Page, address: string, path: string): Promise<void> {
  // What says nothing for a minute is taken to be interrupted.
  await send('PUT', `runs/${run}`, progress)
  await page.goto(`${lab.url}/${address}`)
  // What has come may ask for more.
  for (let times = 0; times < 3; times++) {
    await page.waitForFunction(isSettled)
    await page.waitForTimeout(300)
  }
  await page.screenshot({ path })
  const { size } = await stat(path)
  console.log(`${path} ${Math.round(size / 1000)} kB`)
  if (size > largestBytes) throw new Error(`${path} has ${size} bytes, more than ${largestBytes}`)
}

/** Whether there is nothing to wait for. Runs in the page. */
function isSettled(): boolean {
  const text = document.querySelector('main')?.textContent ?? 'Loading …'
  return (
    !/Loading …|Running …|Counting …/.test(text) &&
    [...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg') !== null)
  )
}

async function send(method: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${lab.url}/v1/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exportTables, tableFormats } from '../src/index.ts'
import { sampleResults, temporaryFolder } from './sample-results.ts'

describe.each(tableFormats)('exportTables as %s', (format) => {
  it('writes every table and view, and they hold what the database holds', async () => {
    const results = await sampleResults()
    const folder = join(temporaryFolder(), "a folder's name")
    const names = await exportTables(results, folder, format)
    expect(readdirSync(folder).sort()).toEqual(names.map((name) => `${name}.${format}`).sort())
    expect(names).toEqual(expect.arrayContaining(['barrier', 'curve', 'curve_point', 'leaderboard', 'study_run']))
    const file = join(folder, `curve_point.${format}`).replaceAll("'", "''")
    const read = await results.query(`select study, method, lam, loss from '${file}' order by all`)
    expect(read).toHaveLength(15)
    expect(read).toEqual(await results.query('select study, method, lam, loss from curve_point order by all'))
  })

  it('writes one study alone where it is asked for', async () => {
    const results = await sampleResults()
    const folder = temporaryFolder()
    await exportTables(results, folder, format, { study: "it's going on" })
    const file = join(folder, `curve.${format}`)
    expect(await results.query(`select distinct study from '${file}'`)).toEqual([{ study: "it's going on" }])
  })
})

it('writes text that other programs read as CSV', async () => {
  const folder = temporaryFolder()
  await exportTables(await sampleResults(), folder, 'csv', { study: 'demo' })
  const [header, first] = readFileSync(join(folder, 'curve.csv'), 'utf8').split('\n')
  expect(header).toMatch(/^study,variant,pair,method,lam,loss,/)
  expect(first).toMatch(/^demo,/)
})

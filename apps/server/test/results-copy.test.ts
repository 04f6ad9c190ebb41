import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeRows, openResults } from '@isthmus/results'
import { expect, it } from 'vitest'
import { requestCopy } from '../src/index.ts'
import { answerRequests, wantedCopies } from '../src/results-copy.ts'
import { digestOf, rows, temporaryFolder, testLab } from './lab.ts'

const copiesOf = (home: string) => readdirSync(join(home, 'server', 'copies'))

async function pointsIn(path: string): Promise<unknown> {
  const results = await openResults(path, { readOnly: true })
  try {
    return (await results.query('select count(*) as points from curve_point'))[0]
  } finally {
    await results.close()
  }
}

it('is given to all who ask at once, with the rows that waited in the spool, and goes when it was read', async () => {
  const { home, ask } = await testLab()
  await ask('POST', '/v1/sql', { sql: 'select 1' })
  await ask('POST', '/v1/rows', encodeRows(rows('sent', 3)))
  const spooled = encodeRows(rows('spooled', 4))
  mkdirSync(join(home, 'spool'))
  writeFileSync(join(home, 'spool', `${digestOf(spooled)}.json`), spooled)
  const reads = Array.from({ length: 3 }, async () => {
    await using copy = await requestCopy(home)
    return await pointsIn(copy!.path)
  })
  expect(await Promise.all(reads)).toEqual([{ points: 7 }, { points: 7 }, { points: 7 }])
  expect(copiesOf(home)).toEqual([])
})

it('is asked of nobody where no server is', async () => {
  const home = temporaryFolder()
  expect(await requestCopy(home, { noticeMs: 100 })).toBeUndefined()
  expect(copiesOf(home)).toEqual([])
})

it('is told to be missing when it cannot be made, and not waited for for ever', async () => {
  const home = temporaryFolder()
  const answer = async (useSnapshot: Parameters<typeof answerRequests>[1]) => {
    const asked = requestCopy(home, { waitMs: 200 })
    let wanted: string[] = []
    while (wanted.length === 0) wanted = await wantedCopies(home)
    return Promise.allSettled([asked, answerRequests(wanted, useSnapshot)])
  }
  const [failed, thrown] = await answer(() => Promise.reject(new Error('no room')))
  expect(failed).toMatchObject({ reason: { message: expect.stringMatching(/^The server of .* could not copy/) } })
  expect(thrown).toMatchObject({ reason: { message: 'no room' } })
  const [late] = await answer(() => new Promise((done) => setTimeout(done, 1000)))
  expect(late).toMatchObject({ reason: { message: expect.stringContaining('within 0.2 s') } })
  expect(copiesOf(home)).toEqual([])
})

it('leaves nothing of commands that were killed, however old the results', async () => {
  const home = temporaryFolder()
  const folder = join(home, 'server', 'copies')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'young.duckdb'), '')
  utimesSync(join(folder, 'young.duckdb'), 0, 0)
  writeFileSync(join(folder, 'asks.wanted'), '')
  expect(await wantedCopies(home, Date.now() + 3_500_000)).toEqual([join(folder, 'asks')])
  expect(copiesOf(home)).toHaveLength(2)
  expect(await wantedCopies(home, Date.now() + 3_700_000)).toEqual([])
  expect(copiesOf(home)).toEqual([])
})

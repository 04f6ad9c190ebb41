import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeRows } from '@isthmus/results'
import { expect, it } from 'vitest'
import { rows, testLab } from './lab.ts'

const [clients, rowsOfEach, rowsAtOnce] = [50, 100, 25]

/** Numbers from 0 to 1, the same each time. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Send something and cut the connection at some moment: before, while or after the server has it. */
function sendAndCut(url: string, content: string, at: number): Promise<void> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }
    const cut = request(`${url}/v1/rows`, { method: 'POST', headers, agent: false }, (response) => {
      response.resume()
    })
    cut.on('error', () => resolve()).on('close', () => resolve())
    const half = content.slice(0, Math.ceil(content.length * Math.min(1, 2 * at)))
    cut.write(half)
    setTimeout(() => cut.destroy(), 40 * at)
  })
}

it(`has exactly the rows of ${clients} clients that write at once and lose their connections`, async () => {
  const { ask, server } = await testLab()
  let cuts = 0
  const client = async (index: number) => {
    const draw = random(index + 1)
    for (let from = 0; from < rowsOfEach; from += rowsAtOnce) {
      const content = encodeRows(rows('s', rowsAtOnce, { run: `client ${index}`, from }))
      while (draw() < 0.4) {
        cuts += 1
        await sendAndCut(server.url, content, draw())
      }
      for (;;) {
        const response = await ask('POST', '/v1/rows', content).catch(() => undefined)
        if (response?.status === 200) break
        await sleep(20)
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)))
  expect(cuts).toBeGreaterThan(50)
  const sql = 'select count(*), count(distinct run), count(distinct (run, lam)) from curve_point'
  const { rows: found } = (await (await ask('POST', '/v1/sql', { sql })).json()) as { rows: unknown }
  expect(found).toEqual([[clients * rowsOfEach, clients, clients * rowsOfEach]])
})

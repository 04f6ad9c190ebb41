import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeRows } from '@isthmus/results'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { digestOf, rows, type TestLab, testLab } from './lab.ts'

interface Talk {
  readonly socket: Socket
  /** All that the server has said. */
  readonly said: () => string
  readonly closed: Promise<unknown>
}

/** Begin a request by hand. */
function begin({ server }: TestLab, method: string, path: string, headers: Readonly<Record<string, string>>): Talk {
  const { port, host } = new URL(server.url)
  const socket = connect(Number(port), '127.0.0.1')
  let said = ''
  socket.setEncoding('latin1').on('data', (text) => {
    said += text
  })
  socket.on('error', () => undefined)
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  return { socket, said: () => said, closed: new Promise((done) => socket.once('close', done)) }
}

/** Send so many bytes every so often, until they are all sent or the socket is closed. */
async function trickle({ socket }: Talk, content: Uint8Array, bytes: number, pauseMs: number): Promise<void> {
  for (let start = 0; start < content.length && socket.writable; start += bytes) {
    socket.write(content.subarray(start, start + bytes))
    await sleep(pauseMs)
  }
}

describe('a request of JSON', () => {
  const json = { 'content-type': 'application/json' }

  it.each([
    ['that says how long it is', { 'content-length': '10000' }, 'x'],
    ['that comes in chunks', { 'transfer-encoding': 'chunked' }, '1\r\nx\r\n'],
  ])('%s is refused when it trickles', async (_, length, part) => {
    const log: string[] = []
    const lab = await testLab({ arrivalMs: 300, log: pino({ level: 'warn' }, { write: (line) => log.push(line) }) })
    const talk = begin(lab, 'POST', '/v1/sql', { ...json, ...length })
    await trickle(talk, Buffer.from(part.repeat(10_000 / part.length)), part.length, 20)
    await talk.closed
    expect(talk.said()).toMatch(/^HTTP\/1.1 408 .*"message":"the request came too slowly: /s)
    expect((await lab.ask('GET', '/healthz')).status).toBe(200)
    await lab.server.stop()
    expect(log).toEqual([])
  })

  it('may take longer to be answered than to arrive', async () => {
    const lab = await testLab({ arrivalMs: 1000 })
    const sql = 'with recursive t(n) as (select 1 union all select n + 1 from t) select sum(n) from t'
    expect((await lab.ask('POST', '/v1/sql', { sql })).status).toBe(422)
  })

  it('whose content nobody reads leaves no connection open', async () => {
    const lab = await testLab({ withTokens: true })
    for (const method of ['GET', 'POST']) {
      const talk = begin(lab, method, '/v1/whoami', { 'content-length': '10000' })
      await trickle(talk, Buffer.alloc(10_000), 1, 20)
      await talk.closed
      expect(talk.said()).toMatch(/^HTTP\/1.1 401 /)
    }
  })
})

describe('a blob', () => {
  const blobPace = { windowMs: 1000, bytes: 1000 }
  const content = randomBytes(40_000)
  const headers = { 'content-length': String(content.length) }

  it('is refused when it trickles, and leaves nothing', async () => {
    const lab = await testLab({ blobPace })
    const talk = begin(lab, 'PUT', `/v1/blobs/${digestOf(content)}`, headers)
    await trickle(talk, content, 10, 20)
    await talk.closed
    expect(talk.said()).toMatch(/^HTTP\/1.1 408 .*less than 1000 bytes came in 1 s/s)
    expect(readdirSync(join(lab.home, 'cache', 'blobs'))).toEqual([])
    expect(readdirSync(join(lab.home, 'cache', 'tmp'))).toEqual([])
  })

  it('may take any time while it progresses, also longer than JSON may', async () => {
    const lab = await testLab({ blobPace, arrivalMs: 100 })
    const talk = begin(lab, 'PUT', `/v1/blobs/${digestOf(content)}`, { ...headers, connection: 'close' })
    await trickle(talk, content, 2000, 100)
    await talk.closed
    expect(talk.said()).toMatch(/^HTTP\/1.1 201 /)
  })
})

describe('one who looks on', () => {
  it('is cut off when he does not read, and has the present state when he comes again', async () => {
    const log: string[] = []
    const lab = await testLab({ log: pino({}, { write: (line) => log.push(line) }) })
    const ids = Array.from({ length: 10 }, () => crypto.randomUUID())
    const running = Array.from({ length: 100 }, (_, index) => `${index} `.repeat(100).slice(0, 500))
    const say = (id: string, ran: number) =>
      lab.ask('PUT', `/v1/runs/${id}`, {
        ...{
          study: 's',
          startedAt: new Date(0).toISOString(),
          state: 'running',
          total: 1000,
          ran,
          cached: 0,
          failed: 0,
        },
        ...{ secondsLeft: null, running },
      })
    const deaf = begin(lab, 'GET', '/v1/events', {})
    await new Promise((done) => deaf.socket.once('data', done))
    deaf.socket.pause()
    // One that reads gets all of it meanwhile.
    const reader = (await lab.ask('GET', '/v1/events')).body!.pipeThrough(new TextDecoderStream()).getReader()
    let read = ''
    for (let ran = 0; !log.some((line) => line.includes('was cut off')); ran++) {
      await say(ids[ran % ids.length]!, ran)
      while (!read.includes(`"ran":${ran},`)) read += (await reader.read()).value
      read = ''
      // What the system keeps for a socket differs: some megabytes.
      expect(ran).toBeLessThan(1000)
    }
    deaf.socket.resume()
    await deaf.closed
    await lab.ask('POST', '/v1/rows', encodeRows(rows('s', 1)))
    while (!read.includes('event: rows')) read += (await reader.read()).value
    await reader.cancel()

    const again = (await lab.ask('GET', '/v1/events')).body!.pipeThrough(new TextDecoderStream()).getReader()
    let state = ''
    while (ids.some((id) => !state.includes(id))) state += (await again.read()).value
    await again.cancel()
    expect(log.filter((line) => line.includes('was cut off'))).toHaveLength(1)
    expect(state.match(/^event: run$/gm)).toHaveLength(ids.length)
  })
})

import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCache } from '@isthmus/dataflow'
import { encodeRows } from '@isthmus/results'
import { directoryStorage } from '@isthmus/storage'
import { tableFromIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { digestOf, record, rows, temporaryFolder, testLab, version } from './lab.ts'

const statusOf = async (response: Promise<Response>) => (await response).status
const bodyOf = async (response: Promise<Response>) => (await response).json() as Promise<Record<string, unknown>>

describe('blobs', () => {
  it('are taken once, and given whole or in part', async () => {
    const { ask } = await testLab()
    const content = randomBytes(100_000)
    const path = `/v1/blobs/${digestOf(content)}`
    expect(await statusOf(ask('GET', path))).toBe(404)
    expect(await statusOf(ask('PUT', path, content))).toBe(201)
    expect(await statusOf(ask('PUT', path, content))).toBe(200)
    const whole = await ask('GET', path)
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true)
    const head = await ask('HEAD', path)
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '100000', ''])
    const part = await ask('GET', path, undefined, { headers: { range: 'bytes=99990-' } })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 99990-99999/100000'])
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(99_990))).toBe(true)
    expect(await statusOf(ask('GET', path, undefined, { headers: { range: 'bytes=100000-' } }))).toBe(416)
    const asked = { blobs: [digestOf(content), digestOf('other')] }
    expect(await bodyOf(ask('POST', '/v1/blobs/missing', asked))).toEqual({ missing: [digestOf('other')] })
  })

  it('of other content, of too many bytes, or cut off, leave nothing', async () => {
    const { ask, home, server } = await testLab({ maximumBlobBytes: 1000 })
    expect(await statusOf(ask('PUT', `/v1/blobs/${digestOf('a')}`, Buffer.from('b')))).toBe(422)
    expect(await statusOf(ask('PUT', `/v1/blobs/${digestOf('c')}`, randomBytes(1001)))).toBe(413)
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(randomBytes(100)) })
    const streamed = ask('PUT', `/v1/blobs/${digestOf('d')}`, undefined, {
      body: endless,
      duplex: 'half',
    } as RequestInit)
    expect(await statusOf(streamed)).toBe(413)
    await new Promise((done) => {
      const cut = request(`${server.url}/v1/blobs/${digestOf('e')}`, {
        method: 'PUT',
        headers: { 'content-length': 500 },
      })
      cut.on('error', done)
      cut.write(randomBytes(100), () => setTimeout(() => cut.destroy(), 50))
    })
    await sleep(200)
    expect(readdirSync(join(home, 'cache', 'blobs'))).toEqual([])
    const left = readdirSync(join(home, 'cache', 'tmp'))
    expect(left).toEqual([])
  })
})

describe('actions', () => {
  it('are taken with their blobs, and say who gave them', async () => {
    const { ask } = await testLab({ withTokens: true })
    const content = Buffer.from('content')
    const given = record(1, { file: digestOf(content) })
    const path = `/v1/actions/${given.key}`
    const put = () => ask('PUT', path, { record: given, isthmus: version })
    const early = await put()
    expect([early.status, await early.json()]).toMatchObject([
      422,
      { error: 'incomplete', missing: [digestOf(content)] },
    ])
    await ask('PUT', `/v1/blobs/${digestOf(content)}`, content)
    expect(await statusOf(put())).toBe(201)
    expect(await statusOf(put())).toBe(200)
    const found = await bodyOf(ask('GET', path))
    expect(found).toMatchObject({ record: given, origin: { by: 'write', isthmus: version } })
    expect(await statusOf(ask('HEAD', path))).toBe(200)
    const lookup = (trust?: string[]) =>
      bodyOf(ask('POST', '/v1/actions/lookup', { keys: [given.key, digestOf('')], trust }))
    expect(await lookup()).toEqual({ actions: [found] })
    expect(await lookup(['write'])).toEqual({ actions: [found] })
    expect(await lookup(['admin'])).toEqual({ actions: [] })
    const missing = await bodyOf(ask('POST', '/v1/actions/missing', { keys: [given.key, digestOf('')] }))
    expect(missing).toEqual({ missing: [digestOf('')] })
  })

  it('never change: a second value is refused, written down and shown', async () => {
    const { ask, tokens } = await testLab({ withTokens: true })
    const [first, second] = [record(1), record(2)]
    const put = (given: typeof first, token?: string) =>
      ask('PUT', `/v1/actions/${given.key}`, { record: given, isthmus: version }, token === undefined ? {} : { token })
    expect(await statusOf(put(first))).toBe(201)
    expect(await statusOf(put(second, tokens.admin))).toBe(409)
    expect(await bodyOf(ask('GET', `/v1/actions/${first.key}`))).toMatchObject({ record: first })
    const listed = await bodyOf(ask('GET', '/v1/disagreements'))
    expect(listed.disagreements).toEqual([
      expect.objectContaining({
        key: first.key,
        kept: first.output.digest,
        refused: second.output.digest,
        by: 'admin',
      }),
    ])
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => statusOf(put(record(i, {}, { seed: 1 })))))
    expect(many.filter((status) => status === 201)).toHaveLength(1)
    expect(many.filter((status) => status === 409)).toHaveLength(19)
  })

  it('never change, however slow the storage is', async () => {
    const directory = directoryStorage(await openCache(temporaryFolder()))
    let [asked, answer] = [() => {}, () => {}]
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const mayAnswer = new Promise<void>((resolve) => (answer = resolve))
    let questions = 0
    const missing: typeof directory.missing = async (blobs) => {
      questions += 1
      if (questions > 1) return directory.missing(blobs)
      asked()
      await mayAnswer
      return directory.missing(blobs)
    }
    const { ask } = await testLab({ storage: { ...directory, missing } })
    const put = (given: ReturnType<typeof record>) =>
      statusOf(ask('PUT', `/v1/actions/${given.key}`, { record: given, isthmus: version }))
    const slow = put(record(1))
    await isAsked
    expect(await put(record(2))).toBe(201)
    answer()
    expect(await slow).toBe(409)
  })

  it('are refused whose key or digest does not follow from them', async () => {
    const { ask } = await testLab()
    const sound = record(1)
    const put = (given: typeof sound) =>
      statusOf(ask('PUT', `/v1/actions/${given.key}`, { record: given, isthmus: version }))
    expect(await put({ ...sound, params: { seed: 5 } })).toBe(422)
    expect(await put({ ...sound, output: { ...sound.output, value: 5 } })).toBe(422)
    expect(await statusOf(ask('PUT', `/v1/actions/${digestOf('')}`, { record: sound, isthmus: version }))).toBe(422)
    expect(await put(sound)).toBe(201)
  })

  it('stay when the server ends', async () => {
    const home = temporaryFolder()
    const first = await testLab({ home })
    const given = record(1)
    await first.ask('PUT', `/v1/actions/${given.key}`, { record: given, isthmus: version })
    await first.server.stop()
    const second = await testLab({ home })
    expect(await bodyOf(second.ask('GET', `/v1/actions/${given.key}`))).toMatchObject({
      record: given,
      origin: { by: 'local' },
    })
  })
})

describe('rows and queries', () => {
  it('are as they were given, as JSON and as Arrow', async () => {
    const { ask } = await testLab()
    for (let time = 0; time < 2; time++) {
      expect(await bodyOf(ask('POST', '/v1/rows', encodeRows(rows('s', 3))))).toEqual({ rows: 4 })
    }
    const sql = 'select lam, loss from curve order by lam'
    expect(await bodyOf(ask('POST', '/v1/sql', { sql }))).toMatchObject({
      rows: [
        [0, 0],
        [1, 1],
        [2, 2],
      ],
    })
    const arrow = await ask('POST', '/v1/sql', { sql, type: 'arrow' })
    expect(Date.parse(arrow.headers.get('x-isthmus-as-of')!)).toBeGreaterThan(Date.now() - 60_000)
    const table = tableFromIPC(new Uint8Array(await arrow.arrayBuffer()))
    expect(table.toArray().map((row) => ({ ...row }))).toEqual([0, 1, 2].map((value) => ({ lam: value, loss: value })))
  })

  it('refuse whatever is no SELECT of the results', async () => {
    const { ask } = await testLab()
    for (const sql of [
      "copy curve to '/tmp/stolen.csv'",
      "from read_csv('/etc/passwd')",
      'drop table curve_point',
      'select 1; select 2',
      "attach '/tmp/other.duckdb'",
      'set memory_limit = "100GB"',
    ]) {
      const refused = await ask('POST', '/v1/sql', { sql })
      expect([refused.status, await refused.json()], sql).toMatchObject([422, { error: 'refused' }])
    }
  })

  it('refuse rows that are none, whole', async () => {
    const { ask } = await testLab()
    const good = JSON.parse(encodeRows(rows('s', 2)))
    const lacking = { ...good, rows: { curvePoints: good.rows.curvePoints } }
    expect(await statusOf(ask('POST', '/v1/rows', lacking))).toBe(422)
    expect(await statusOf(ask('POST', '/v1/rows', { ...good, schemaVersion: 1 }))).toBe(422)
    expect(await statusOf(ask('POST', '/v1/rows', { ...good, rows: { nonsense: [] } }))).toBe(400)
    expect(await bodyOf(ask('POST', '/v1/sql', { sql: 'select count(*) from curve_point' }))).toMatchObject({
      rows: [[0]],
    })
  })

  it('that would not end are stopped', async () => {
    const { ask } = await testLab()
    const sql = 'with recursive t(n) as (select 1 union all select n + 1 from t) select sum(n) from t'
    const stopped = await ask('POST', '/v1/sql', { sql })
    expect([stopped.status, await stopped.json()]).toMatchObject([422, { message: expect.stringContaining('stopped') }])
  })
})

describe('runs', () => {
  const progress = {
    ...{ study: 's', startedAt: new Date(0).toISOString(), state: 'running', total: 10, ran: 1, cached: 2, failed: 0 },
    ...{ secondsLeft: null, running: ['a step'] },
  }

  it('are listed, and followed as events', async () => {
    const { ask } = await testLab()
    const events = await ask('GET', '/v1/events')
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader()
    const id = crypto.randomUUID()
    expect(await statusOf(ask('PUT', `/v1/runs/${id}`, progress))).toBe(200)
    await ask('POST', '/v1/rows', encodeRows(rows('s', 1)))
    let text = ''
    while (!text.includes('event: rows')) text += (await reader.read()).value
    expect(text).toMatch(/event: run\ndata: .*"ran":1/)
    expect(text).toMatch(/event: rows\ndata: {"studies":\["s"\]}/)
    await reader.cancel()
    expect(await bodyOf(ask('GET', '/v1/runs'))).toEqual({
      runs: [{ ...progress, id, by: 'local', updatedAt: expect.any(String) }],
    })
  })

  it('do not keep a server from ending', async () => {
    const { ask, server } = await testLab()
    const events = await ask('GET', '/v1/events')
    const ended = events.text()
    await server.stop()
    expect(await ended).toBe('')
    await expect(ask('GET', '/healthz')).rejects.toThrow()
  })
})

describe('a connection on which nothing is asked', () => {
  it('does not keep a server from ending', { timeout: 20_000 }, async () => {
    const { server } = await testLab()
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    await new Promise((done) => socket.once('connect', done))
    const cut = new Promise((done) => socket.once('close', done))
    await server.stop()
    await cut
    expect(socket.destroyed).toBe(true)
  })
})

describe('what people write', () => {
  it('is kept, with who wrote it, and changed by them alone', async () => {
    const { ask, tokens } = await testLab({ withTokens: true })
    const { token } = { token: tokens.admin! }
    const note = (await bodyOf(ask('POST', '/v1/notes', { subject: 'study:s', text: 'look' }, { token }))) as {
      id: string
    }
    expect(await statusOf(ask('PUT', `/v1/notes/${note.id}`, { subject: 'study:s', text: 'mine' }))).toBe(403)
    expect(await statusOf(ask('PUT', `/v1/notes/${note.id}`, { subject: 'study:s', text: 'again' }, { token }))).toBe(
      200,
    )
    expect(await bodyOf(ask('GET', '/v1/notes?subject=study:s'))).toMatchObject({
      notes: [{ text: 'again', by: 'admin' }],
    })
    expect(await bodyOf(ask('GET', '/v1/notes?subject=study:t'))).toEqual({ notes: [] })
    expect(await statusOf(ask('DELETE', `/v1/notes/${note.id}`, undefined, { token }))).toBe(200)
    expect(await statusOf(ask('DELETE', `/v1/notes/${note.id}`, undefined, { token }))).toBe(404)

    const tag = { subject: 'result:x', tag: 'baseline' }
    await ask('PUT', '/v1/tags', tag)
    await ask('PUT', '/v1/tags', tag)
    expect(await bodyOf(ask('GET', '/v1/tags'))).toMatchObject({ tags: [{ ...tag, by: 'write' }] })
    await ask('POST', '/v1/tags/remove', tag)
    expect(await bodyOf(ask('GET', '/v1/tags'))).toEqual({ tags: [] })

    await ask('PUT', '/v1/queries/best%20methods', { sql: 'select 1' })
    await ask('PUT', '/v1/queries/best%20methods', { sql: 'select 2' })
    expect(await bodyOf(ask('GET', '/v1/queries'))).toMatchObject({
      queries: [{ name: 'best methods', sql: 'select 2' }],
    })
    expect(await bodyOf(ask('POST', '/v1/sql', { sql: 'select name from lab.saved_query' }))).toMatchObject({
      rows: [['best methods']],
    })
    expect(await statusOf(ask('DELETE', '/v1/queries/best%20methods'))).toBe(200)
    expect(await statusOf(ask('DELETE', '/v1/queries/best%20methods'))).toBe(404)
  })
})

describe('a server', () => {
  it('says for Prometheus what it does', async () => {
    const { ask } = await testLab()
    await ask('POST', '/v1/rows', encodeRows(rows('s', 3)))
    const text = await (await ask('GET', '/metrics')).text()
    expect(text).toContain('isthmus_rows_total 4')
    expect(text).toMatch(/isthmus_requests_total{method="POST",route="\/v1\/rows",status="200"} 1/)
  })

  it('refuses too many requests, and too much at once', async () => {
    const { ask } = await testLab({ requestsPerTenSeconds: 5 })
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf(ask('GET', '/v1/whoami'))))
    expect(statuses.filter((status) => status === 429)).toHaveLength(3)
    const other = await testLab()
    expect(await statusOf(other.ask('POST', '/v1/sql', { sql: 'x'.repeat(33_000_000) }))).toBe(413)
  })

  it('refuses strangers who try many tokens', async () => {
    const { ask } = await testLab({ withTokens: true })
    const guess = (index: number) => statusOf(ask('GET', '/v1/whoami', undefined, { token: `isthmus_${index}` }))
    const statuses = await Promise.all(Array.from({ length: 110 }, (_, index) => guess(index)))
    expect(statuses.filter((status) => status === 401)).toHaveLength(100)
    expect(statuses.filter((status) => status === 429)).toHaveLength(10)
    expect(await statusOf(ask('GET', '/v1/whoami'))).toBe(200)
  })

  it('takes in what a run on its machine left in the spool', async () => {
    const home = temporaryFolder()
    const { ask } = await testLab({ home })
    const { recordRows } = await import('@isthmus/results')
    // In this process the file is open already; another one would find it taken.
    await recordRows(home, rows('s', 2))
    const found = await bodyOf(ask('POST', '/v1/sql', { sql: 'select count(*) from curve_point' }))
    expect(found).toMatchObject({ rows: [[2]] })
  })

  it.each([
    ['another host', { host: 'evil.example' }],
    ['a page of another host', { origin: 'http://evil.example' }],
  ])('without tokens is closed to %s', async (_, headers) => {
    const { server } = await testLab()
    const status = await new Promise((done, fail) => {
      request(`${server.url}/v1/whoami`, { headers }, (response) => done(response.resume().statusCode))
        .on('error', fail)
        .end()
    })
    expect(status).toBe(401)
  })

  it('serves a page, each of its views, and nothing beside it', async () => {
    const page = join(import.meta.dirname, 'page')
    const { ask, server } = await testLab({ page, withTokens: true })
    const index = await (await fetch(server.url)).text()
    expect(index).toContain('<title>Page</title>')
    expect(await (await fetch(`${server.url}/studies/s`)).text()).toBe(index)
    const outside = await new Promise<string>((done, fail) => {
      const path = '/../routes.test.ts'
      request(server.url, { path }, async (response) => done((await response.toArray()).join('')))
        .on('error', fail)
        .end()
    })
    expect(outside).toBe(index)
    const missing = await ask('GET', '/v1/nothing')
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: 'not-found' }])
  })
})

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Role, roles } from '@isthmus/remote'
import { describe, expect, it } from 'vitest'
import { createToken, listTokens, revokeToken, startServer } from '../src/index.ts'
import { readTokenUses, TokenUses } from '../src/token-uses.ts'
import { type TestLab, temporaryFolder, testLab } from './lab.ts'

/** The least role that may, of every route, written down by hand: what the server says of itself is compared with this. */
const roleNeeded: Readonly<Record<string, Role | 'everybody'>> = {
  'GET /healthz': 'everybody',
  'GET /metrics': 'read',
  'GET /v1/whoami': 'read',
  'POST /v1/blobs/missing': 'read',
  'POST /v1/blobs/downloads': 'read',
  'POST /v1/blobs/uploads': 'write',
  'GET /v1/blobs/{digest}': 'read',
  'PUT /v1/blobs/{digest}': 'write',
  'POST /v1/actions/lookup': 'read',
  'POST /v1/actions/missing': 'read',
  'GET /v1/actions/{key}': 'read',
  'PUT /v1/actions/{key}': 'write',
  'POST /v1/rows': 'write',
  'POST /v1/sql': 'read',
  'GET /v1/runs': 'read',
  'PUT /v1/runs/{id}': 'write',
  'GET /v1/events': 'read',
  'GET /v1/notes': 'read',
  'POST /v1/notes': 'write',
  'PUT /v1/notes/{id}': 'write',
  'DELETE /v1/notes/{id}': 'write',
  'GET /v1/tags': 'read',
  'PUT /v1/tags': 'write',
  'POST /v1/tags/remove': 'write',
  'GET /v1/queries': 'read',
  'PUT /v1/queries/{name}': 'write',
  'DELETE /v1/queries/{name}': 'write',
  'GET /v1/disagreements': 'read',
}

/** What the OpenAPI document says of roles. */
async function documented({ server }: TestLab): Promise<Record<string, string>> {
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { 'x-role'?: string }>>
  }
  return Object.fromEntries(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [
        `${method.toUpperCase()} ${path}`,
        operation['x-role'] ?? 'everybody',
      ]),
    ),
  )
}

const outcomes: Readonly<Record<number, string>> = { 401: 'unknown', 403: 'forbidden', 429: 'too many' }

describe('every route', () => {
  it('is written down with its role: a new one fails until it is', async () => {
    expect(await documented(await testLab())).toEqual(roleNeeded)
  })

  it('is open to those alone who have a token of a role that may', async () => {
    const lab = await testLab({ withTokens: true, strangersPerTenSeconds: 1000 })
    const revoked = createToken(lab.home, 'gone', 'admin')
    expect((await lab.ask('GET', '/v1/whoami', undefined, { token: revoked })).status).toBe(200)
    revokeToken(lab.home, 'gone')
    const visitors = [
      { name: 'nobody', token: '', rank: -1 },
      { name: 'a wrong token', token: 'isthmus_wrong', rank: -1 },
      { name: 'a revoked token', token: revoked, rank: -1 },
      ...roles.map((role, rank) => ({ name: role, token: lab.tokens[role]!, rank })),
    ]
    const routes = Object.entries(roleNeeded).map(([route, role]) => {
      const [method, path] = route.split(' ') as [string, string]
      return { method, path: path.replaceAll(/\{\w+\}/g, 'a'.repeat(64)), role }
    })
    const heads = routes.filter(({ method }) => method === 'GET').map((one) => ({ ...one, method: 'HEAD' }))
    const table = []
    const expected = []
    for (const { method, path, role } of [...routes, ...heads]) {
      const needed = role === 'everybody' ? -1 : roles.indexOf(role)
      for (const { name, token, rank } of visitors) {
        const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
        const body = method === 'GET' || method === 'HEAD' ? {} : { body: 'no JSON' }
        const response = await fetch(lab.server.url + path, { method, headers, ...body })
        await response.body?.cancel()
        table.push(`${method} ${path} ${name}: ${outcomes[response.status] ?? 'allowed'}`)
        const isKnown = rank >= 0 || needed === -1
        expected.push(`${method} ${path} ${name}: ${!isKnown ? 'unknown' : rank >= needed ? 'allowed' : 'forbidden'}`)
      }
    }
    expect(table).toEqual(expected)
  })

  it('is in the OpenAPI document, but for the document itself and the page', async () => {
    const lab = await testLab()
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      for (const path of ['/v1', '/v1/tokens', '/v1/backup', '/v1/sql', '/v1/rows', '/metrics', '/healthz']) {
        const response = await lab.ask(method, path)
        await response.body?.cancel()
        if (!(`${method} ${path}` in roleNeeded)) expect([404, 405], `${method} ${path}`).toContain(response.status)
      }
    }
  })
})

describe('a token', () => {
  it('is needed on this machine, too, once there is one', async () => {
    const lab = await testLab()
    expect((await lab.ask('GET', '/v1/whoami')).status).toBe(200)
    const token = createToken(lab.home, 'ada', 'read')
    expect((await lab.ask('GET', '/v1/whoami')).status).toBe(401)
    const known = await lab.ask('GET', '/v1/whoami', undefined, { token })
    expect(await known.json()).toMatchObject({ name: 'ada', role: 'read' })
  })

  it('is needed still when the last one was revoked', async () => {
    const lab = await testLab()
    createToken(lab.home, 'ada', 'read')
    revokeToken(lab.home, 'ada')
    expect((await lab.ask('GET', '/v1/whoami')).status).toBe(401)
  })

  it('is needed before a server is reached by other machines', async () => {
    const home = temporaryFolder()
    const { log, ...options } = { log: undefined, home, version: '0', queries: { workerModule: '' }, host: '0.0.0.0' }
    await expect(startServer({ ...options, log: log as never })).rejects.toThrow(/isthmus token create/)
  })

  it('says on which day it was last used, and writes that once a day', async () => {
    const lab = await testLab({ withTokens: true })
    createToken(lab.home, 'never', 'read')
    const path = join(lab.home, 'server', 'token-uses.json')
    expect(listTokens(lab.home).map(({ lastUsedOn }) => lastUsedOn)).toEqual([null, null, null, null])
    const before = new Date().toISOString().slice(0, 10)
    await lab.ask('GET', '/v1/whoami')
    const { ino } = statSync(path)
    for (let time = 0; time < 3; time++) await lab.ask('GET', '/v1/whoami')
    expect(statSync(path).ino).toBe(ino)
    const [read, write] = listTokens(lab.home)
    const today = new Date().toISOString().slice(0, 10)
    expect([before, today]).toContain(write!.lastUsedOn)
    expect(read!.lastUsedOn).toBeNull()
    expect(readFileSync(path, 'utf8')).not.toContain(lab.tokens.write)
    expect(readFileSync(path, 'utf8')).not.toMatch(/T\d\d:/)
  })

  it('is noted anew on another day, by a server that started later, too', () => {
    const home = temporaryFolder()
    const uses = new TokenUses(home)
    uses.note('a', new Date('2026-01-01T23:59:59Z'))
    uses.note('b', new Date('2026-01-01T23:59:59Z'))
    uses.note('a', new Date('2026-01-02T00:00:00Z'))
    new TokenUses(home).note('b', new Date('2026-01-03T00:00:00Z'))
    expect([...readTokenUses(home)]).toEqual([
      ['a', '2026-01-02'],
      ['b', '2026-01-03'],
    ])
  })
})

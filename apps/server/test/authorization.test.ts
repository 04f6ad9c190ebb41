import { roles } from '@isthmus/remote'
import { describe, expect, it } from 'vitest'
import { createToken, revokeToken, startServer } from '../src/index.ts'
import { type TestLab, temporaryFolder, testLab } from './lab.ts'

interface Operation {
  readonly method: string
  readonly path: string
  /** The least role that may; undefined: everybody. */
  readonly role: string | undefined
}

/** Every operation of the OpenAPI document, with something where its path has parameters. */
async function operations({ server }: TestLab): Promise<Operation[]> {
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { 'x-role'?: string }>>
  }
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{\w+\}/g, 'a'.repeat(64)),
      role: operation['x-role'],
    })),
  )
}

describe('every route', () => {
  it('is open to those alone who have a token of a role that may', async () => {
    const lab = await testLab({ withTokens: true })
    const revoked = createToken(lab.home, 'gone', 'admin')
    expect((await lab.ask('GET', '/v1/whoami', undefined, { token: revoked })).status).toBe(200)
    revokeToken(lab.home, 'gone')
    const visitors = [
      { name: 'nobody', token: '', rank: -1 },
      { name: 'a wrong token', token: 'isthmus_wrong', rank: -1 },
      { name: 'a revoked token', token: revoked, rank: -1 },
      ...roles.map((role, rank) => ({ name: role, token: lab.tokens[role]!, rank })),
    ]
    const declared = await operations(lab)
    const heads = declared.filter(({ method }) => method === 'GET').map((one) => ({ ...one, method: 'HEAD' }))
    const all = [...declared, ...heads]
    expect(all.length).toBeGreaterThan(20)
    const table = []
    const expected = []
    for (const { method, path, role } of all) {
      const needed = role === undefined ? -1 : (roles as readonly string[]).indexOf(role)
      expect(needed, `${method} ${path}`).toBeGreaterThanOrEqual(role === undefined ? -1 : 0)
      for (const { name, token, rank } of visitors) {
        const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
        const body = method === 'GET' || method === 'HEAD' ? {} : { body: 'no JSON' }
        const response = await fetch(lab.server.url + path, { method, headers, ...body })
        await response.body?.cancel()
        const { status } = response
        const seen = status === 401 ? 'unknown' : status === 403 ? 'forbidden' : 'allowed'
        table.push(`${method} ${path} ${name}: ${seen}`)
        const isKnown = rank >= 0 || needed === -1
        expected.push(`${method} ${path} ${name}: ${!isKnown ? 'unknown' : rank >= needed ? 'allowed' : 'forbidden'}`)
      }
    }
    expect(table).toEqual(expected)
  })

  it('is in the OpenAPI document, but for the document itself and the page', async () => {
    const lab = await testLab()
    const known = new Set((await operations(lab)).map(({ method, path }) => `${method} ${path}`))
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      for (const path of ['/v1', '/v1/tokens', '/v1/backup', '/v1/sql', '/v1/rows', '/metrics', '/healthz']) {
        const response = await lab.ask(method, path)
        await response.body?.cancel()
        if (!known.has(`${method} ${path}`)) expect([404, 405], `${method} ${path}`).toContain(response.status)
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
})

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ActionRecord, artifactDigest, type Digest, nodeKey } from '@isthmus/dataflow'
import type { Role } from '@isthmus/remote'
import type { ResultRows } from '@isthmus/results'
import { testProgram } from '@isthmus/results/test-program'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { createToken, type RunningServer, type StartServerOptions, startServer } from '../src/index.ts'

export const version = '0.0.0'

/** An empty folder that is removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-server-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A server on a free port, and how it is asked. */
export interface TestLab {
  readonly home: string
  readonly server: RunningServer
  /** Tokens by role; empty where the lab has none. */
  readonly tokens: Readonly<Partial<Record<Role, string>>>
  /** @param token Default: that of a writer, if there are tokens. */
  ask(method: string, path: string, body?: unknown, init?: RequestInit & { readonly token?: string }): Promise<Response>
}

/** Serve a home folder until the test has finished.
 *
 *  @param withTokens Make a token for each role, named for it.
 */
export async function testLab({
  home = temporaryFolder(),
  withTokens = false,
  ...options
}: Partial<StartServerOptions> & { readonly withTokens?: boolean } = {}): Promise<TestLab> {
  const roles: readonly Role[] = withTokens ? ['read', 'write', 'admin'] : []
  const tokens = Object.fromEntries(roles.map((role) => [role, createToken(home, role, role)]))
  const server = await startServer({
    ...{ home, version, port: 0, log: pino({ level: 'silent' }) },
    queries: { workerModule: testProgram('answer-queries'), timeoutMs: 5000 },
    ...options,
  })
  onTestFinished(() => server.stop())
  return {
    home,
    server,
    tokens,
    ask: (method, path, body, { token = tokens.write, ...init } = {}) => {
      const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
      return fetch(server.url + path, {
        method,
        ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
        ...init,
        headers: {
          ...(body === undefined || body instanceof Uint8Array ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(init.headers as Record<string, string>),
        },
      })
    },
  }
}

export function digestOf(content: Uint8Array | string): Digest {
  return createHash('sha256').update(content).digest('hex') as Digest
}

/** A record that could be of a run: its key and its digest follow from the rest. */
export function record(
  value: number,
  blobs: Readonly<Record<string, Digest>> = {},
  params = { seed: 0 },
): ActionRecord {
  const [operation, seconds, createdAt] = ['test.operation', 0.5, new Date(0).toISOString()]
  return {
    ...{ key: nodeKey(operation, 1, params, {}), operation, version: 1, params, inputs: {}, seconds, createdAt },
    output: { digest: artifactDigest(value, blobs), value, blobs },
  }
}

/** Rows of a run of a study, with points of one curve. */
export function rows(study: string, points: number, { run = 'r', from = 0 } = {}): ResultRows {
  const place = { study, run, variant: '', settings: {}, pair: 'A|B', modelA: 'A', modelB: 'B', method: 'vanilla' }
  return {
    studyRuns: [
      {
        ...{ study, run, startedAt: new Date(0).toISOString(), finishedAt: null, settings: [] },
        ...{ nodesRan: 1, nodesCached: 0, nodesFailed: 0, seconds: null, version },
      },
    ],
    curvePoints: Array.from({ length: points }, (_, i) => ({
      ...{ ...place, lam: from + i, loss: i, perplexity: 1, positions: 1, digest: 'd' },
    })),
  }
}

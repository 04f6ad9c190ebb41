import fc from 'fast-check'
import { expect, it } from 'vitest'
import { testLab } from './lab.ts'

interface Operation {
  readonly method: string
  readonly path: string
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
}

const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    '',
    '\0',
    '../../etc/passwd',
    "'; drop table curve_point; --",
    'a'.repeat(64),
    '0',
    -1,
    1e308,
    2 ** 53,
  ),
)

/** What a schema asks for, with something else in places. */
function malformed(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const right = () => {
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
    if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => malformed(one, depth + 1)))
    switch (typeof schema.type === 'string' ? schema.type : undefined) {
      case 'object': {
        const fields = Object.entries(schema.properties ?? {}).map(
          ([name, one]) => [name, malformed(one, depth + 1)] as const,
        )
        return fc.record(Object.fromEntries(fields), { requiredKeys: [] })
      }
      case 'array':
        return fc.array(malformed(schema.items ?? {}, depth + 1), { maxLength: 3 })
      case 'string':
        return fc.oneof(fc.string(), fc.constantFrom('a'.repeat(64), 'study:s', new Date(0).toISOString(), 'select 1'))
      case 'integer':
      case 'number':
        return fc.oneof(fc.integer(), fc.double())
      default:
        return anything
    }
  }
  return depth > 4 ? anything : fc.oneof({ weight: 4, arbitrary: right() }, { weight: 1, arbitrary: anything })
}

const part = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a'.repeat(64), '..', '%00', '%', 'x'.repeat(5000)))

it('answers every route whatever it is sent, and never by a failure of its own', async () => {
  const { server, ask } = await testLab()
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>
  }
  const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  )
  const counts = new Map<number, number>()
  for (const { method, path, requestBody } of operations) {
    if (path === '/v1/events') continue // A stream, which has no input.
    const schema = requestBody?.content['application/json']?.schema
    const body =
      schema === undefined
        ? fc.string()
        : fc.oneof(
            malformed(schema).map((value) => JSON.stringify(value)),
            fc.string(),
            fc.constant('['.repeat(50_000)),
            fc.constant(`{"params":${'['.repeat(2000)}${']'.repeat(2000)}}`),
          )
    const property = fc.asyncProperty(
      body,
      fc.array(part, { minLength: 2, maxLength: 2 }),
      fc.string(),
      async (sent, parts, query) => {
        const place = path.replaceAll(/\{\w+\}/g, () => encodeURI(parts.pop() ?? 'x').replaceAll(/[?#]/g, ''))
        const url = `${place}?subject=${encodeURIComponent(query)}&x=${encodeURIComponent(query)}`
        const signal = AbortSignal.timeout(20_000)
        const response = await ask(method, url, method === 'GET' ? undefined : (sent ?? 'null'), { signal })
        const text = await response.text()
        counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
        if (response.status >= 500) throw new Error(`${method} ${url} with ${sent}: ${response.status} ${text}`)
      },
    )
    await fc.assert(property, { numRuns: 40, endOnFailure: true })
  }
  expect(counts.get(400)).toBeGreaterThan(100)
  expect((await ask('GET', '/healthz')).status).toBe(200)
})

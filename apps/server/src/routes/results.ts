import { z } from '@hono/zod-openapi'
import { rowsAnswer, rowsRequest, sqlAnswer, sqlRequest } from '@isthmus/remote'
import { decodeRows, type ResultRows, tablesOfRows } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { isDiskFailure } from '../disk-room.ts'
import { json, type LabApp, problem, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'
import { Refusal } from '../refusal.ts'

/** Rows in, queries out. */
export function resultRoutes(app: LabApp, server: LabServer): void {
  const { snapshots, queries, metrics, runs } = server

  app.openapi(
    route('write', {
      method: 'post',
      path: '/v1/rows',
      summary: 'Give rows of results, which are taken whole or not at all; the same twice changes nothing',
      request: { body: { required: true, ...json(rowsRequest) } },
      responses: { 200: { description: 'How many they are', ...json(rowsAnswer) }, 422: problem(422) },
    }),
    async (context) => {
      const rows = readRows(context.req.valid('json'))
      await server.rows.add(rows)
      const count = tablesOfRows.reduce((sum, { list }) => sum + (rows[list]?.length ?? 0), 0)
      metrics.rows.inc(count)
      runs.announce({ type: 'rows', studies: [...new Set((rows.studyRuns ?? []).map(({ study }) => study))] })
      return context.json({ rows: count }, 200)
    },
  )

  app.openapi(
    route('read', {
      method: 'post',
      path: '/v1/sql',
      summary: 'Ask the results by one SELECT: nothing else is in reach of it',
      request: { body: { required: true, ...json(sqlRequest) } },
      responses: {
        200: {
          description: 'The rows; X-Isthmus-As-Of says up to when',
          content: {
            'application/json': { schema: sqlAnswer },
            'application/vnd.apache.arrow.stream': { schema: z.string().meta({ format: 'binary' }) },
          },
        },
        422: problem(422),
        507: problem(507),
      },
    }),
    async (context) => {
      const { sql, type } = context.req.valid('json')
      const { signal } = context.req.raw
      try {
        return await snapshots.use(async ({ path, asOf }) => {
          const headers = { 'x-isthmus-as-of': asOf.toISOString(), 'cache-control': 'no-store' }
          if (type === 'json') {
            const { columns, rows } = await queries.run(path, sql, 'json', signal)
            return context.json({ columns, rows, asOf: asOf.toISOString() } as z.infer<typeof sqlAnswer>, 200, headers)
          }
          const bytes = await queries.run(path, sql, 'arrow', signal)
          const content = { 'content-type': 'application/vnd.apache.arrow.stream' }
          return new Response(bytes as Uint8Array<ArrayBuffer>, {
            status: 200,
            headers: { ...headers, ...content },
          }) as never
        })
      } catch (error) {
        if (error instanceof UserError && !isDiskFailure(error)) throw new Refusal(422, 'refused', error.message)
        throw error
      }
    },
  )
}

function readRows(body: unknown): ResultRows {
  try {
    return decodeRows(body)
  } catch (error) {
    throw new Refusal(422, 'bad-request', `The rows are no good: ${(error as Error).message}`)
  }
}

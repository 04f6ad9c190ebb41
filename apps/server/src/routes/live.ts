import { z } from '@hono/zod-openapi'
import { progressSchema, runsAnswer } from '@isthmus/remote'
import { streamSSE } from 'hono/streaming'
import { json, type LabApp, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'

const heartbeatMilliseconds = 15_000

/** Runs that go on, and what happens meanwhile. */
export function liveRoutes(app: LabApp, { runs }: LabServer, stopping: AbortSignal): void {
  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/runs',
      summary: 'Runs that go on, or have ended within the hour',
      responses: { 200: { description: 'They, the latest first', ...json(runsAnswer) } },
    }),
    (context) => context.json({ runs: runs.list() }, 200),
  )

  app.openapi(
    route('write', {
      method: 'put',
      path: '/v1/runs/{id}',
      summary: 'Say how far a run is',
      request: { params: z.object({ id: z.uuid() }), body: { required: true, ...json(progressSchema) } },
      responses: { 200: { description: 'Noted', ...json(z.object({})) } },
    }),
    (context) => {
      const { id } = context.req.valid('param')
      const progress = context.req.valid('json')
      runs.put({ ...progress, id, by: context.get('identity').name, updatedAt: new Date().toISOString() })
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/events',
      summary: 'What happens from now on, as server-sent events: run, rows, disagreement',
      responses: {
        200: { description: 'A stream', content: { 'text/event-stream': { schema: z.string() } } },
      },
    }),
    (context) =>
      streamSSE(context, async (stream) => {
        const write = (event: string, data: unknown) => stream.writeSSE({ event, data: JSON.stringify(data) })
        const unlisten = runs.listen(({ type, ...data }) => void write(type, data))
        for (const run of runs.list()) await write('run', { run })
        const heartbeat = setInterval(() => void stream.write(': still here\n\n'), heartbeatMilliseconds)
        await new Promise<void>((resolve) => {
          const end = () => {
            stopping.removeEventListener('abort', end)
            resolve()
          }
          stream.onAbort(end)
          stopping.addEventListener('abort', end, { once: true })
          if (stopping.aborted || stream.aborted) end()
        })
        clearInterval(heartbeat)
        unlisten()
      }) as never,
  )
}

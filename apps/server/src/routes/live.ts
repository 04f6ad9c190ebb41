import type { HttpBindings } from '@hono/node-server'
import { z } from '@hono/zod-openapi'
import { progressSchema, runsAnswer } from '@isthmus/remote'
import { streamSSE } from 'hono/streaming'
import { json, type LabApp, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'
import type { ServerEvent } from '../live-runs.ts'

const heartbeatMilliseconds = 15_000
/** Characters of events that wait for one who does not read them: then the stream ends, and who connects again has it all anew. */
const maximumUnread = 1_000_000

/** Runs that go on, and what happens meanwhile. */
export function liveRoutes(app: LabApp, { runs, options: { log } }: LabServer, stopping: AbortSignal): void {
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
      summary: 'Runs as they are, and what happens from now on, as server-sent events: run, rows, disagreement',
      responses: {
        200: { description: 'A stream', content: { 'text/event-stream': { schema: z.string() } } },
      },
    }),
    (context) =>
      streamSSE(context, async (stream) => {
        const { outgoing } = context.env as unknown as HttpBindings
        let unread = 0
        const write = async (text: string) => {
          unread += text.length
          if (unread > maximumUnread) {
            log.info({ unread }, 'who looks on but does not read was cut off')
            unlisten()
            outgoing.destroy()
          }
          await stream.write(text)
          unread -= text.length
        }
        const tell = ({ type, ...data }: ServerEvent) => write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
        const unlisten = runs.listen((event) => void tell(event))
        for (const run of runs.list()) await tell({ type: 'run', run })
        const heartbeat = setInterval(() => void write(': still here\n\n'), heartbeatMilliseconds)
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

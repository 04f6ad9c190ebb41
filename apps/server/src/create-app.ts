import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { serveStatic } from '@hono/node-server/serve-static'
import { z } from '@hono/zod-openapi'
import { healthAnswer, type Problem, whoamiAnswer } from '@isthmus/remote'
import { schemaVersion } from '@isthmus/results'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { HTTPException } from 'hono/http-exception'
import { secureHeaders } from 'hono/secure-headers'
import { rateLimiter } from 'hono-rate-limiter'
import { diskIsFull, isDiskFailure } from './disk-room.ts'
import { identify, refuseStrangers } from './identify.ts'
import { json, type LabApp, type LabContext, type LabEnvironment, labApp, route } from './lab-app.ts'
import type { LabServer } from './lab-server.ts'
import { Refusal } from './refusal.ts'
import { actionRoutes } from './routes/actions.ts'
import { blobRoutes } from './routes/blobs.ts'
import { liveRoutes } from './routes/live.ts'
import { peopleRoutes } from './routes/people.ts'
import { resultRoutes } from './routes/results.ts'
import { transferRoutes } from './routes/transfers.ts'
import { tooSlow } from './steady-content.ts'

/** What the application is beside the server. */
export interface AppOptions {
  /** The built page’s folder; without it there is none. */
  readonly page?: string
  /** Ends streams that would go on for ever. */
  readonly stopping: AbortSignal
}

/** Of a request of JSON, in bytes. */
const maximumBodyBytes = 32_000_000
/** Until it is here. */
const arrivalMilliseconds = 60_000
const windowMilliseconds = 10_000
/** Requests that one token may make in that time, and an address without one. */
const [knownRequests, strangersRequests] = [20_000, 100]

/** The application: every route, who may use it, and what of it is written down. */
export function createApp(server: LabServer, { page, stopping }: AppOptions): LabApp {
  const app = labApp()
  const { log, version, isOpen } = server.options

  app.use(observe(server))
  app.onError((error, context) => answerError(error, context as LabContext, server))
  app.notFound((context) => refuse(context as LabContext, 404, 'not-found', `there is no ${context.req.path}`))
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        frameAncestors: ["'none'"],
      },
      // A lab may serve without TLS, behind a proxy that has it.
      strictTransportSecurity: false,
      crossOriginResourcePolicy: 'same-origin',
    }),
  )
  const isPublic = (path: string) => !path.startsWith('/v1/') && path !== '/metrics'
  app.use(limitArrival(server.options.arrivalMs ?? arrivalMilliseconds))
  app.use(identify(server.tokens, isOpen))
  app.use('/v1/*', limitRequests(server.options))
  app.use(refuseStrangers(isPublic))
  const limited = bodyLimit({
    maxSize: maximumBodyBytes,
    onError: () => {
      throw new Refusal(413, 'too-large', `a request may have ${maximumBodyBytes} bytes: send it in parts`)
    },
  })
  app.use('/v1/*', (context, next) =>
    isBlob(context.req) || hasFewBytes(context as LabContext) ? next() : limited(context, next),
  )
  app.use('/v1/sql', compress())

  systemRoutes(app, server, version)
  blobRoutes(app, server)
  transferRoutes(app, server)
  actionRoutes(app, server)
  resultRoutes(app, server)
  liveRoutes(app, server, stopping)
  peopleRoutes(app, server)
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  const openapi = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'Isthmus', version } })
  app.get('/openapi.json', (context) => context.json(openapi))
  if (page !== undefined) {
    app.get(
      '/assets/*',
      serveStatic({
        root: page,
        onFound: (_, context) => context.header('cache-control', 'public, max-age=31536000, immutable'),
      }),
    )
    // A view of the page is a path of its own.
    const [files, index] = [serveStatic({ root: page }), serveStatic({ root: page, path: 'index.html' })]
    for (const serve of [files, index]) {
      app.get('*', (context, next) => (context.req.path.startsWith('/v1/') ? next() : serve(context, next)))
    }
  }
  log.debug({ routes: app.routes.length }, 'routes')
  return app
}

function systemRoutes(app: LabApp, server: LabServer, version: string): void {
  app.openapi(
    route(undefined, {
      method: 'get',
      path: '/healthz',
      summary: 'Whether the server answers',
      responses: { 200: { description: 'It does', ...json(healthAnswer) } },
    }),
    (context) => context.json({ status: 'ok' as const, isthmus: version }, 200),
  )
  app.openapi(
    route('read', {
      method: 'get',
      path: '/metrics',
      summary: 'For Prometheus',
      responses: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
    }),
    async (context) => context.text(await server.metrics.registry.metrics(), 200),
  )
  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/whoami',
      summary: 'Who one is to the server',
      responses: { 200: { description: 'Name and role', ...json(whoamiAnswer) } },
    }),
    (context) => context.json({ ...context.get('identity'), isthmus: version, schemaVersion }, 200),
  )
}

/** Give each request an id, count it, and write a line of it. */
function observe(server: LabServer) {
  return async (context: LabContext, next: () => Promise<void>) => {
    const start = performance.now()
    const requestId = randomUUID()
    context.set('requestId', requestId)
    context.header('x-request-id', requestId)
    await next()
    const seconds = (performance.now() - start) / 1000
    const { method, path, routePath } = context.req
    const { status } = context.res
    server.metrics.answered(method, routePath, status, seconds)
    const by = context.get('identity')?.name
    const line = {
      requestId,
      method,
      path,
      status,
      seconds: Number(seconds.toFixed(4)),
      ...(by === undefined ? {} : { by }),
    }
    server.options.log[status >= 500 ? 'error' : status >= 400 ? 'info' : 'debug'](line, 'request')
  }
}

function answerError(error: Error, context: LabContext, server: LabServer): Response {
  if (error instanceof Refusal) return context.json(error.problem, error.status)
  if (error instanceof HTTPException) {
    const { status } = error
    return refuse(
      context,
      status,
      status === 404 ? 'not-found' : 'bad-request',
      error.message || 'the request is no good',
    )
  }
  if (context.req.raw.signal.aborted) return refuse(context, 400, 'bad-request', 'the request was cut off')
  if (isDiskFailure(error)) {
    server.options.log.error({ err: error, requestId: context.get('requestId') }, 'the disk is full')
    const { problem, status } = diskIsFull()
    return context.json(problem, status)
  }
  server.options.log.error({ err: error, requestId: context.get('requestId') }, 'failed')
  return refuse(context, 500, 'failed', `the server failed: its log says why, under ${context.get('requestId')}`)
}

function refuse(context: LabContext, status: number, error: Problem['error'], message: string): Response {
  return context.json({ error, message } satisfies Problem, status as 400)
}

function limitRequests({
  requestsPerTenSeconds = knownRequests,
  strangersPerTenSeconds = strangersRequests,
}: LabServer['options']): MiddlewareHandler {
  const limitOf = (context: LabContext) =>
    context.get('identity') === undefined ? strangersPerTenSeconds : requestsPerTenSeconds
  return rateLimiter<LabEnvironment>({
    windowMs: windowMilliseconds,
    limit: (context) => limitOf(context as LabContext),
    keyGenerator: (context) => {
      const identity = context.get('identity')
      return identity === undefined ? `address ${addressOf(context as LabContext)}` : `token ${identity.name}`
    },
    handler: (context) => {
      const limit = limitOf(context as LabContext)
      throw new Refusal(429, 'too-many', `more than ${limit} requests in ten seconds: wait a little`)
    },
  }) as MiddlewareHandler
}

/** Refuse a request whose content does not come within a time; what is done with it may take longer. */
function limitArrival(milliseconds: number): MiddlewareHandler<LabEnvironment> {
  return async (context, next) => {
    const { incoming } = context.env as unknown as HttpBindings
    const { method, headers } = incoming
    const hasContent = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
    if (!hasContent || isBlob(context.req)) return next()
    // Nobody reads it, nor waits for its end.
    if (method === 'GET' || method === 'HEAD') context.header('connection', 'close')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        context.header('connection', 'close')
        reject(tooSlow(`it was not here within ${milliseconds / 1000} s`))
      }, milliseconds)
    })
    incoming.once('end', () => clearTimeout(timer))
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}

function isBlob({ method, path }: { readonly method: string; readonly path: string }): boolean {
  return method === 'PUT' && path.startsWith('/v1/blobs/')
}

/** Whether the request says how many bytes it has, which Node’s parser holds it to, and they are not too many. To look at its
 *  content would make a web stream of it, which takes longer than to answer a small request.
 */
function hasFewBytes(context: LabContext): boolean {
  const { headers } = (context.env as HttpBindings).incoming
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= maximumBodyBytes
}

function addressOf(context: LabContext): string {
  return getConnInfo(context).remote.address ?? 'unknown'
}

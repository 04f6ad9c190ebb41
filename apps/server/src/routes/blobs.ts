import { Readable } from 'node:stream'
import type { HttpBindings } from '@hono/node-server'
import { z } from '@hono/zod-openapi'
import type { Digest } from '@isthmus/dataflow'
import { digestSchema, missingAnswer, missingBlobsRequest } from '@isthmus/remote'
import { BlobTooLargeError, type ByteRange, WrongContentError } from '@isthmus/storage'
import { json, type LabApp, type LabContext, problem, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'
import { Refusal } from '../refusal.ts'
import { steadyContent } from '../steady-content.ts'

const params = z.object({ digest: digestSchema })
const bytes = { content: { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } } }
/** Of a blob. */
export const defaultMaximumBytes = 64 * 2 ** 30
const defaultPace = { windowMs: 30_000, bytes: 50_000 }

/** Files by their digest. */
export function blobRoutes(app: LabApp, server: LabServer): void {
  const { storage, metrics } = server
  const maximumBytes = server.options.maximumBlobBytes ?? defaultMaximumBytes

  app.openapi(
    route('read', {
      method: 'post',
      path: '/v1/blobs/missing',
      summary: 'Which of these blobs are not here',
      request: { body: { required: true, ...json(missingBlobsRequest) } },
      responses: { 200: { description: 'Those', ...json(missingAnswer) } },
    }),
    async (context) => {
      const { blobs } = context.req.valid('json')
      return context.json({ missing: await storage.missing(blobs as Digest[]) }, 200)
    },
  )

  // Hono answers HEAD by the route of GET, without the content.
  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/blobs/{digest}',
      summary: 'The content of a blob, or a part of it',
      request: { params },
      responses: {
        200: { description: 'All of it', ...bytes },
        206: { description: 'The part that was asked for', ...bytes },
        404: problem(404),
        416: problem(416),
      },
    }),
    async (context) => {
      const digest = context.req.valid('param').digest as Digest
      const size = await storage.size(digest)
      if (size === undefined) throw new Refusal(404, 'not-found', `there is no blob ${digest}`)
      const range = readRange(context, size)
      const length = range === undefined ? size : range.end - range.start + 1
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(length),
        'accept-ranges': 'bytes',
        'cache-control': 'private, max-age=31536000, immutable',
        etag: `"${digest}"`,
        ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${size}` }),
      }
      const status = range === undefined ? 200 : 206
      if (context.req.method === 'HEAD' || size === 0) return new Response(null, { status, headers }) as never
      metrics.sent(length)
      const content = Readable.toWeb(await storage.read(digest, range)) as ReadableStream
      return new Response(content, { status, headers }) as never
    },
  )

  app.openapi(
    route('write', {
      method: 'put',
      path: '/v1/blobs/{digest}',
      summary: 'Give a blob, whose content must have that digest',
      request: { params, body: { required: true, ...bytes } },
      responses: {
        200: { description: 'It was here already', ...json(z.object({})) },
        201: { description: 'It is here now', ...json(z.object({})) },
        422: problem(422),
      },
    }),
    async (context) => {
      const digest = context.req.valid('param').digest as Digest
      const announced = Number(context.req.header('content-length') ?? 0)
      if (announced > maximumBytes) throw new Refusal(413, 'too-large', `a blob may have ${maximumBytes} bytes`)
      try {
        await server.blobRoom?.require(announced)
        const content = steadyContent((context.env as HttpBindings).incoming, server.options.blobPace ?? defaultPace)
        const isNew = await storage.write(digest, server.blobRoom?.watch(content) ?? content, { maximumBytes })
        if (isNew) metrics.received(announced)
        return context.json({}, isNew ? 201 : 200)
      } catch (error) {
        // What is left of the content is not read.
        context.header('connection', 'close')
        if (error instanceof WrongContentError) throw new Refusal(422, 'bad-request', error.message)
        if (error instanceof BlobTooLargeError) throw new Refusal(413, 'too-large', error.message)
        if (context.req.raw.signal.aborted || isCutOff(error)) {
          throw new Refusal(400, 'bad-request', 'the content was cut off')
        }
        throw error
      }
    },
  )
}

function isCutOff(error: unknown): boolean {
  const { code, name } = error as NodeJS.ErrnoException
  return name === 'AbortError' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** One range, `bytes=START-` or `bytes=START-END`; undefined where none was asked for.
 *
 *  @throws {Refusal} where the blob has no such bytes.
 */
function readRange(context: LabContext, size: number): ByteRange | undefined {
  const header = context.req.header('range')
  if (header === undefined) return undefined
  const [, from, to] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header) ?? []
  if (from === undefined) return undefined
  const start = Number(from)
  const end = Math.min(to ? Number(to) : size - 1, size - 1)
  if (start > end) throw new Refusal(416, 'bad-request', `there are ${size} bytes, and ${header} was asked for`)
  return { start, end }
}

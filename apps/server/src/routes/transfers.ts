import type { Digest } from '@isthmus/dataflow'
import { downloadsRequest, type Transfer, transfersAnswer, uploadsRequest } from '@isthmus/remote'
import type { DirectRequest } from '@isthmus/storage'
import { json, type LabApp, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'
import { defaultMaximumBytes } from './blobs.ts'

/** How clients move blobs past this server, to and from where they are kept. What it may not be told of goes through the server,
 *  which then says why not.
 */
export function transferRoutes(app: LabApp, server: LabServer): void {
  const { direct } = server
  const maximumBytes = Math.min(server.options.maximumBlobBytes ?? defaultMaximumBytes, direct?.maximumBytes ?? 0)
  const answer = async (requests: readonly (readonly [string, Promise<DirectRequest>])[]) => {
    const signed = requests.map(async ([digest, request]): Promise<Transfer> => ({ digest, ...(await request) }))
    return { isDirect: direct !== undefined, transfers: await Promise.all(signed) }
  }
  const answered = { 200: { description: 'Requests to be made elsewhere, within minutes', ...json(transfersAnswer) } }

  app.openapi(
    route('read', {
      method: 'post',
      path: '/v1/blobs/downloads',
      summary: 'How to get blobs from where they are kept, past this server',
      request: { body: { required: true, ...json(downloadsRequest) } },
      responses: answered,
    }),
    async (context) => {
      const { blobs } = context.req.valid('json')
      const requests = direct && blobs.map((blob) => [blob, direct.toRead(blob as Digest)] as const)
      context.header('cache-control', 'no-store')
      return context.json(await answer(requests ?? []), 200)
    },
  )

  app.openapi(
    route('write', {
      method: 'post',
      path: '/v1/blobs/uploads',
      summary: 'How to put blobs where they are kept, past this server',
      request: { body: { required: true, ...json(uploadsRequest) } },
      responses: answered,
    }),
    async (context) => {
      const { blobs } = context.req.valid('json')
      const taken = blobs.filter(({ bytes }) => bytes <= maximumBytes)
      const requests =
        direct && taken.map(({ digest, bytes }) => [digest, direct.toWrite(digest as Digest, bytes)] as const)
      context.header('cache-control', 'no-store')
      return context.json(await answer(requests ?? []), 200)
    },
  )
}

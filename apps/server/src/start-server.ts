import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { UserError } from '@isthmus/tensor'
import { createApp } from './create-app.ts'
import { LabServer, type LabServerOptions } from './lab-server.ts'
import { TokenRing } from './tokens.ts'

/** How a server is started. */
export interface StartServerOptions extends Omit<LabServerOptions, 'isOpen'> {
  /** Default: 127.0.0.1, this machine alone. */
  readonly host?: string
  /** Default 7007; 0: one that is free. */
  readonly port?: number
  /** The built page’s folder. */
  readonly page?: string
}

/** A server that answers. */
export interface RunningServer {
  readonly url: string
  /** Whether requests without a token are those of an administrator. */
  readonly isOpen: boolean
  /** Answer what is under way, then end. */
  stop(): Promise<void>
}

const loopback = /^(localhost|127(\.\d+){3}|::1)$/
/** How long requests under way are waited for. */
const stopMilliseconds = 30_000
const pollMilliseconds = 50
const headersMilliseconds = 10_000

/** Serve a home folder.
 *
 *  On a loopback interface, while no token was ever made, requests need none; elsewhere every request needs one.
 *  @throws {UserError} when the host is no loopback interface and there is no token; when the port is taken; when
 *    another process has the results of the home folder.
 */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 7007, page, ...rest } = options
  const isOpen = loopback.test(host)
  if (!isOpen && new TokenRing(options.home).isEmpty) {
    throw new UserError(
      `${host} is reached by other machines, and there is no token: make one first, isthmus token create NAME --role admin`,
    )
  }
  const stopping = new AbortController()
  const server = await LabServer.open({ ...rest, isOpen })
  const app = createApp(server, { stopping: stopping.signal, ...(page === undefined ? {} : { page }) })
  const http = serve({ fetch: app.fetch, hostname: host, port }) as import('node:http').Server
  let underWay = 0
  http.on('request', (_, response) => {
    underWay += 1
    response.once('close', () => {
      underWay -= 1
    })
  })
  http.headersTimeout = headersMilliseconds
  // The application has limits of its own, which a blob keeps that takes hours and progresses.
  http.requestTimeout = 0
  try {
    await new Promise<void>((resolve, reject) => http.once('listening', resolve).once('error', reject))
  } catch (error) {
    await server.close()
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${message})`
    throw new UserError(`Port ${port} of ${host} ${reason}: give another one with --port, or another --host`)
  }
  const { address, family, port: bound } = http.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
  return {
    url,
    isOpen: isOpen && !server.tokens.hadAny,
    async stop() {
      stopping.abort()
      const closed = new Promise<void>((resolve) => http.close(() => resolve()))
      const deadline = performance.now() + stopMilliseconds
      // A browser keeps connections open on which it has asked nothing yet.
      const cut = setInterval(() => {
        if (underWay === 0 || performance.now() > deadline) http.closeAllConnections()
      }, pollMilliseconds)
      await closed
      clearInterval(cut)
      await server.close()
    },
  }
}

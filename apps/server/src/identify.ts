import type { Context, MiddlewareHandler } from 'hono'
import type { Identity, LabEnvironment } from './lab-app.ts'
import { Refusal } from './refusal.ts'
import type { TokenRing } from './tokens.ts'

/** Who is who where no token is asked for. */
const local: Identity = { name: 'local', role: 'admin' }
const loopbackNames = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/

/** Find out who makes a request.
 *
 *  @param isOpen Whether requests without a token are those of an administrator of this machine. Then they must be
 *    meant for a loopback name: a page of another host, whose name was made to point here, is nobody’s.
 */
export function identify(tokens: TokenRing, isOpen: boolean): MiddlewareHandler<LabEnvironment> {
  return async (context, next) => {
    const identity = identityOf(context, tokens, isOpen)
    if (identity !== undefined) context.set('identity', identity)
    await next()
  }
}

/** Refuse requests of nobody.
 *
 *  @param isPublic Whether a path is everybody’s.
 */
export function refuseStrangers(isPublic: (path: string) => boolean): MiddlewareHandler<LabEnvironment> {
  return async (context, next) => {
    if (context.get('identity') === undefined && !isPublic(context.req.path)) {
      context.header('WWW-Authenticate', 'Bearer')
      const given = context.req.header('authorization') !== undefined
      throw new Refusal(401, 'unauthorized', given ? 'this token is nobody’s, or was revoked' : 'a token is needed')
    }
    await next()
  }
}

function identityOf(context: Context, tokens: TokenRing, isOpen: boolean): Identity | undefined {
  const authorization = context.req.header('authorization')
  if (authorization !== undefined) {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization) ?? []
    return token === undefined ? undefined : tokens.find(token)
  }
  if (!isOpen || tokens.hadAny) return undefined
  const host = context.req.header('host') ?? ''
  const origin = context.req.header('origin')
  const isLocal =
    loopbackNames.test(host) && (origin === undefined || loopbackNames.test(origin.replace(/^\w+:\/\//, '')))
  return isLocal ? local : undefined
}

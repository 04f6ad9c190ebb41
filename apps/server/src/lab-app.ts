import { createRoute, OpenAPIHono, type RouteConfig, type z } from '@hono/zod-openapi'
import { problemSchema, type Role, roles } from '@isthmus/remote'
import type { Context } from 'hono'
import { Refusal } from './refusal.ts'

/** Who makes a request. */
export interface Identity {
  readonly name: string
  readonly role: Role
}

/** What a request carries beside itself. */
export interface LabEnvironment {
  Variables: { identity: Identity; requestId: string }
}

export type LabApp = OpenAPIHono<LabEnvironment>
export type LabContext = Context<LabEnvironment>

/** A request body of JSON, an answer of JSON. */
export const json = <Schema extends z.ZodType>(schema: Schema) => ({ content: { 'application/json': { schema } } })

/** An application whose refusals are problems. */
export function labApp(): LabApp {
  return new OpenAPIHono<LabEnvironment>({
    defaultHook: (result) => {
      if (result.success) return
      const [issue] = result.error.issues
      const where = issue!.path.length > 0 ? ` at ${issue!.path.map(String).join('.')}` : ''
      throw new Refusal(400, 'bad-request', `The ${result.target}${where} is no good: ${issue!.message}`)
    },
  })
}

/** Declare a route, with the least role that may use it; undefined: everybody, also without a token. */
export function route<const Config extends RouteConfig>(role: Role | undefined, config: Config) {
  const refusals = Object.fromEntries(
    [400, ...(role === undefined ? [] : [401, 403]), 408, 413, 429, ...(role === 'write' ? [507] : [])].map(
      (status) => [status, problem(status)],
    ),
  )
  return createRoute({
    ...config,
    ...(role === undefined ? { security: [] } : { security: [{ token: [] }], 'x-role': role }),
    middleware: role === undefined ? [] : [requireRole(role)],
    responses: { ...refusals, ...config.responses },
  } as unknown as Config & { middleware: never[] })
}

/** A refusal in the OpenAPI document. */
export function problem(status: number) {
  return { description: refusals[status] ?? 'Refused', ...json(problemSchema) }
}

const refusals: Readonly<Record<number, string>> = {
  400: 'The request is not what is expected',
  401: 'There is no token, or it is nobody’s',
  403: 'The token’s role does not allow it',
  404: 'There is no such thing',
  408: 'It came too slowly',
  409: 'Another value is there, and stays',
  413: 'It is too large',
  416: 'There are no such bytes',
  422: 'It is not what it says, or lacks something',
  429: 'Too many requests',
  507: 'The disk is full',
}

function requireRole(role: Role) {
  return async (context: LabContext, next: () => Promise<void>) => {
    const identity = context.get('identity')
    if (roles.indexOf(identity.role) < roles.indexOf(role)) {
      throw new Refusal(
        403,
        'forbidden',
        `'${identity.name}' may ${identity.role}, and this needs a token that may ${role}`,
      )
    }
    await next()
  }
}

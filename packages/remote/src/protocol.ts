import type { ActionRecord } from '@isthmus/dataflow'
import { type FieldKind, type JsonValue, tablesOfRows } from '@isthmus/results'
import { z } from 'zod'

/** The path of the protocol’s version, before all others. */
export const apiPath = '/v1'

/** Levels of objects and lists in each other, of a value that may be any. */
const maximumDepth = 64

/** Items that one request may hold. */
export const maximumBatch = 10_000

/** Blobs for which one request asks how to move them: each is signed. */
export const maximumTransfers = 1000

/** What a token lets its owner do. Each role may do what those before it may. */
export const roles = ['read', 'write', 'admin'] as const
export const roleSchema = z.enum(roles)
export type Role = z.infer<typeof roleSchema>

/** SHA-256 in hexadecimal. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal, 64 digits')

/** Names of people, tags, studies: one line of text. */
export const nameSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]*$/u, 'expected one line of text')

/** What JSON was read from is JSON: what is left to check is that nothing that recurses over it comes to its end. */
const jsonSchema = z
  .custom<JsonValue>(
    (value) => value !== undefined && isShallow(value),
    `expected JSON of at most ${maximumDepth} levels`,
  )
  .meta({ description: 'Any JSON', type: ['object', 'array', 'string', 'number', 'boolean', 'null'] })
const artifactSchema = z.object({
  digest: digestSchema,
  value: jsonSchema,
  blobs: z.record(z.string(), digestSchema),
})

/** An `ActionRecord` of the dataflow. */
export const recordSchema = z.object({
  key: digestSchema,
  operation: nameSchema,
  version: z.int().nonnegative(),
  params: jsonSchema,
  inputs: z.record(z.string(), z.union([digestSchema, z.array(digestSchema)])),
  output: artifactSchema,
  seconds: z.number().nonnegative(),
  peakMemoryBytes: z.number().nonnegative().optional(),
  createdAt: z.iso.datetime(),
})

/** Who gave a record to the server. */
export const originSchema = z.object({
  /** The name of the token. */
  by: nameSchema,
  /** The version of isthmus that sent it. */
  isthmus: nameSchema,
  /** When it arrived. */
  at: z.iso.datetime(),
})
export type Origin = z.infer<typeof originSchema>

/** A record, and who gave it. */
export const actionSchema = z.object({ record: recordSchema, origin: originSchema })
export interface Action {
  readonly record: ActionRecord
  readonly origin: Origin
}

/** `POST /v1/actions/lookup`: whole records of keys, of those of them that are there.
 *
 *  `trust` names whose results are wanted; left out: anybody’s.
 */
export const lookupRequest = z.object({
  keys: z.array(digestSchema).max(maximumBatch),
  trust: z.array(nameSchema).max(100).optional(),
})
export const lookupAnswer = z.object({ actions: z.array(actionSchema) })

/** `POST /v1/actions/missing` and `POST /v1/blobs/missing`: which are not there. */
export const missingActionsRequest = z.object({ keys: z.array(digestSchema).max(maximumBatch) })
export const missingBlobsRequest = z.object({ blobs: z.array(digestSchema).max(maximumBatch) })
export const missingAnswer = z.object({ missing: z.array(digestSchema) })

/** `POST /v1/blobs/downloads`: how to `GET` blobs past the server. Whether they are there is not looked at. */
export const downloadsRequest = z.object({ blobs: z.array(digestSchema).max(maximumTransfers) })

/** `POST /v1/blobs/uploads`: how to `PUT` blobs past the server, which is who is asked for too large a one. */
export const uploadsRequest = z.object({
  blobs: z.array(z.object({ digest: digestSchema, bytes: z.int().nonnegative() })).max(maximumTransfers),
})

/** A request for a blob to whoever keeps it, to be made within minutes with just these headers beside `range`. Who has the
 *  address may make it: it is a secret. What is put must have the blob’s digest and size, and 412 says that it is there.
 */
export const transferSchema = z.object({
  digest: digestSchema,
  url: z.url({ protocol: /^https?$/ }),
  headers: z.record(z.string(), z.string()),
})
export type Transfer = z.infer<typeof transferSchema>

/** `isDirect` is false where all blobs go through the server; of others those do that `transfers` lacks. */
export const transfersAnswer = z.object({ isDirect: z.boolean(), transfers: z.array(transferSchema) })

/** `PUT /v1/actions/{key}`: 201 taken, 200 the same was there, 409 `conflict`: another value is there and stays,
 *  422 `incomplete`: blobs are not there; give them first.
 */
export const publishRequest = z.object({ record: recordSchema, isthmus: nameSchema })

/** What every refusal says. `error` is one of these; `message` one sentence for people. */
export const problemSchema = z.object({
  error: z.enum([
    'bad-request',
    'unauthorized',
    'forbidden',
    'not-found',
    'conflict',
    'incomplete',
    'too-large',
    'too-many',
    'refused',
    'unavailable',
    'failed',
  ]),
  message: z.string(),
  missing: z.array(digestSchema).optional(),
})
export type Problem = z.infer<typeof problemSchema>

/** `GET /v1/whoami`. */
export const whoamiAnswer = z.object({
  name: nameSchema,
  role: roleSchema,
  /** The version of the server. */
  isthmus: nameSchema,
  /** Of the rows that it takes. */
  schemaVersion: z.int(),
})

/** `POST /v1/rows`: rows of results, taken whole or not at all; the same twice changes nothing. */
export const rowsRequest = z.object({ schemaVersion: z.int(), rows: rowsSchema() })
export const rowsAnswer = z.object({ rows: z.int().nonnegative() })

/** `POST /v1/sql`. Of `arrow` the answer is a stream of Arrow IPC, `application/vnd.apache.arrow.stream`.
 *
 *  `X-Isthmus-As-Of` says up to when rows were recorded that the query sees.
 */
export const sqlRequest = z.object({
  sql: z.string().min(1).max(100_000),
  type: z.enum(['arrow', 'json']).default('json'),
})
export const sqlAnswer = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows: z.array(z.array(jsonSchema)),
  asOf: z.iso.datetime(),
})

/** `PUT /v1/runs/{id}`: how far a run is, sent every few seconds by the one who runs it; and what `GET /v1/runs` lists. */
export const progressSchema = z.object({
  study: nameSchema,
  /** ISO 8601. */
  startedAt: z.iso.datetime(),
  state: z.enum(['running', 'finished', 'failed', 'interrupted']),
  total: z.int().nonnegative(),
  ran: z.int().nonnegative(),
  cached: z.int().nonnegative(),
  failed: z.int().nonnegative(),
  /** Estimated; null where nothing is known. */
  secondsLeft: z.number().nonnegative().nullable(),
  /** Labels of steps that are being computed. */
  running: z.array(z.string().max(500)).max(100),
})
export type Progress = z.infer<typeof progressSchema>
export const liveRunSchema = progressSchema.extend({ id: z.string(), by: nameSchema, updatedAt: z.iso.datetime() })
export type LiveRun = z.infer<typeof liveRunSchema>

type FieldSchema = z.ZodType

/** As JSON has them: numbers that are not finite as text. */
function fieldSchema(kind: FieldKind): FieldSchema {
  if (kind.endsWith('?')) return fieldSchema(kind.slice(0, -1) as FieldKind).nullable()
  switch (kind) {
    case 'integer':
      return z.int()
    case 'number':
      return z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
    case 'timestamp':
      return z.iso.datetime()
    case 'json':
      return jsonSchema
    case 'symmetry':
      return z.enum(['kept', 'broken'])
    default:
      return z.string()
  }
}

/** Of each list of `ResultRows`, from the one place that says which fields it has. */
function rowsSchema() {
  const lists = tablesOfRows.map(({ list, fields }) => {
    const shape = Object.entries(fields).map(([field, kind]) => [field, fieldSchema(kind)] as const)
    return [list, z.array(z.strictObject(Object.fromEntries(shape))).optional()] as const
  })
  return z.strictObject(Object.fromEntries(lists))
}

/** What a note or a tag is on: `study:NAME`, `run:STUDY/RUN`, `result:KEY`, … as the page names them. */
export const subjectSchema = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^(study|run|result):[^\p{Cc}]+$/u, 'expected study:…, run:… or result:…')

/** What people write has an author and a time. */
const written = { by: nameSchema, at: z.iso.datetime() }
const textSchema = z.string().min(1).max(20_000)

/** `GET /v1/notes`, `POST /v1/notes`, `PUT` and `DELETE /v1/notes/{id}`. */
export const noteRequest = z.object({ subject: subjectSchema, text: textSchema })
export const noteSchema = noteRequest.extend({ id: z.string(), ...written })
export const notesAnswer = z.object({ notes: z.array(noteSchema) })

/** `GET /v1/tags`, `PUT /v1/tags`, `POST /v1/tags/remove`. */
export const tagRequest = z.object({ subject: subjectSchema, tag: nameSchema })
export const tagSchema = tagRequest.extend(written)
export const tagsAnswer = z.object({ tags: z.array(tagSchema) })

/** `GET /v1/queries`, `PUT` and `DELETE /v1/queries/{name}`. */
export const queryRequest = z.object({ sql: z.string().min(1).max(100_000) })
export const savedQuerySchema = queryRequest.extend({ name: nameSchema, ...written })
export const queriesAnswer = z.object({ queries: z.array(savedQuerySchema) })

/** `GET /v1/disagreements`: second, different values for a key, the latest first. */
export const disagreementSchema = z.object({
  key: digestSchema,
  /** Digests of the value that stays, and of the one that was refused. */
  kept: digestSchema,
  refused: digestSchema,
  by: nameSchema,
  isthmus: nameSchema,
  at: z.iso.datetime(),
})
export const disagreementsAnswer = z.object({ disagreements: z.array(disagreementSchema) })

/** `GET /v1/runs`. */
export const runsAnswer = z.object({ runs: z.array(liveRunSchema) })

/** `GET /healthz`. */
export const healthAnswer = z.object({ status: z.literal('ok'), isthmus: nameSchema })

/** Whether objects and lists are not too deep in each other; a level at a time, since recursion would have an end. */
function isShallow(value: unknown): boolean {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maximumDepth) return false
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return true
}

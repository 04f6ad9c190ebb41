import { z } from '@hono/zod-openapi'
import type { ActionRecord, Digest } from '@isthmus/dataflow'
import {
  actionSchema,
  digestSchema,
  lookupAnswer,
  lookupRequest,
  missingActionsRequest,
  missingAnswer,
  publishRequest,
} from '@isthmus/remote'
import { json, type LabApp, problem, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'
import { Refusal } from '../refusal.ts'

const params = z.object({ key: digestSchema })

/** Records of what was computed, by their keys. */
export function actionRoutes(app: LabApp, server: LabServer): void {
  const { actions, lab, metrics, runs } = server
  // What the schemas have checked is what the types of the dataflow say.
  type Actions = z.infer<typeof lookupAnswer>['actions']

  app.openapi(
    route('read', {
      method: 'post',
      path: '/v1/actions/lookup',
      summary: 'The records of these keys that are here whole',
      request: { body: { required: true, ...json(lookupRequest) } },
      responses: { 200: { description: 'Those, in the order of the keys', ...json(lookupAnswer) } },
    }),
    async (context) => {
      const { keys, trust } = context.req.valid('json')
      return context.json({ actions: (await actions.find(keys as Digest[], trust)) as unknown as Actions }, 200)
    },
  )

  app.openapi(
    route('read', {
      method: 'post',
      path: '/v1/actions/missing',
      summary: 'Of which of these keys there is no whole record',
      request: { body: { required: true, ...json(missingActionsRequest) } },
      responses: { 200: { description: 'Those', ...json(missingAnswer) } },
    }),
    async (context) => {
      const { keys } = context.req.valid('json')
      const found = new Set((await actions.find(keys as Digest[])).map(({ record }) => record.key as string))
      return context.json({ missing: keys.filter((key) => !found.has(key)) }, 200)
    },
  )

  // Hono answers HEAD by the route of GET, without the content.
  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/actions/{key}',
      summary: 'The record of a key, and who gave it',
      request: { params },
      responses: { 200: { description: 'It', ...json(actionSchema) }, 404: problem(404) },
    }),
    async (context) => {
      const { key } = context.req.valid('param')
      const [action] = await actions.find([key as Digest])
      if (action === undefined) throw new Refusal(404, 'not-found', `there is no whole record of ${key}`)
      return context.json(action as unknown as Actions[number], 200)
    },
  )

  app.openapi(
    route('write', {
      method: 'put',
      path: '/v1/actions/{key}',
      summary: 'Give the record of a key, whose blobs are here',
      request: { params, body: { required: true, ...json(publishRequest) } },
      responses: {
        200: { description: 'The same was here already', ...json(z.object({})) },
        201: { description: 'It is here now', ...json(z.object({})) },
        409: problem(409),
        422: problem(422),
      },
    }),
    async (context) => {
      const { key } = context.req.valid('param')
      const { record, isthmus } = context.req.valid('json')
      if (record.key !== key) throw new Refusal(422, 'bad-request', `the record is of the key ${record.key}`)
      const { name } = context.get('identity')
      const given = await actions.give(record as unknown as ActionRecord, { by: name, isthmus })
      switch (given.state) {
        case 'taken':
          metrics.actions.inc()
          return context.json({}, 201)
        case 'present':
          return context.json({}, 200)
        case 'incomplete':
          throw new Refusal(422, 'incomplete', `${given.missing.length} of its blobs are not here`, [...given.missing])
        case 'unsound':
          throw new Refusal(422, 'bad-request', `This cannot be a record of isthmus: ${given.reason}`)
        case 'conflict': {
          const at = new Date().toISOString()
          await lab.addDisagreement({ key, kept: given.kept, refused: record.output.digest, by: name, isthmus, at })
          metrics.disagreements.inc()
          runs.announce({ type: 'disagreement', key })
          throw new Refusal(409, 'conflict', `another value of ${key} is here, and stays: ${given.kept}`)
        }
      }
    },
  )
}

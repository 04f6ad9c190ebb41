import { randomUUID } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import {
  disagreementsAnswer,
  nameSchema,
  noteRequest,
  noteSchema,
  notesAnswer,
  queriesAnswer,
  queryRequest,
  subjectSchema,
  tagRequest,
  tagsAnswer,
} from '@isthmus/remote'
import { json, type LabApp, type LabContext, problem, route } from '../lab-app.ts'
import type { LabServer } from '../lab-server.ts'
import { Refusal } from '../refusal.ts'

const done = { description: 'Done', ...json(z.object({})) }
const ofSubject = { query: z.object({ subject: subjectSchema.optional() }) }
const maximumDisagreements = 1000

/** What people write: notes, tags, saved queries; and what they should look at. */
export function peopleRoutes(app: LabApp, { lab }: LabServer): void {
  const written = (context: LabContext) => ({ by: context.get('identity').name, at: new Date().toISOString() })

  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/notes',
      summary: 'Notes, the oldest first',
      request: ofSubject,
      responses: { 200: { description: 'They', ...json(notesAnswer) } },
    }),
    async (context) => context.json({ notes: await lab.notes(context.req.valid('query').subject) }, 200),
  )

  app.openapi(
    route('write', {
      method: 'post',
      path: '/v1/notes',
      summary: 'Write a note',
      request: { body: { required: true, ...json(noteRequest) } },
      responses: { 201: { description: 'It', ...json(noteSchema) } },
    }),
    async (context) => {
      const note = { id: randomUUID(), ...context.req.valid('json'), ...written(context) }
      await lab.putNote(note)
      return context.json(note, 201)
    },
  )

  const noteParams = z.object({ id: z.uuid() })
  const ownNote = async (context: LabContext, id: string) => {
    const note = await lab.note(id)
    if (note === undefined) throw new Refusal(404, 'not-found', `there is no note ${id}`)
    const { name, role } = context.get('identity')
    if (note.by !== name && role !== 'admin') throw new Refusal(403, 'forbidden', `the note is ${note.by}’s`)
    return note
  }

  app.openapi(
    route('write', {
      method: 'put',
      path: '/v1/notes/{id}',
      summary: 'Write a note of one’s own anew',
      request: { params: noteParams, body: { required: true, ...json(noteRequest) } },
      responses: { 200: done, 404: problem(404) },
    }),
    async (context) => {
      const note = await ownNote(context, context.req.valid('param').id)
      await lab.putNote({ ...note, ...context.req.valid('json'), at: new Date().toISOString() })
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('write', {
      method: 'delete',
      path: '/v1/notes/{id}',
      summary: 'Remove a note of one’s own',
      request: { params: noteParams },
      responses: { 200: done, 404: problem(404) },
    }),
    async (context) => {
      const { id } = await ownNote(context, context.req.valid('param').id)
      await lab.removeNote(id)
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/tags',
      summary: 'Tags',
      request: ofSubject,
      responses: { 200: { description: 'They', ...json(tagsAnswer) } },
    }),
    async (context) => context.json({ tags: await lab.tags(context.req.valid('query').subject) }, 200),
  )

  app.openapi(
    route('write', {
      method: 'put',
      path: '/v1/tags',
      summary: 'Tag something',
      request: { body: { required: true, ...json(tagRequest) } },
      responses: { 200: done },
    }),
    async (context) => {
      await lab.putTag({ ...context.req.valid('json'), ...written(context) })
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('write', {
      method: 'post',
      path: '/v1/tags/remove',
      summary: 'Take a tag away',
      request: { body: { required: true, ...json(tagRequest) } },
      responses: { 200: done },
    }),
    async (context) => {
      const { subject, tag } = context.req.valid('json')
      await lab.removeTag(subject, tag)
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/queries',
      summary: 'Saved queries, by name',
      responses: { 200: { description: 'They', ...json(queriesAnswer) } },
    }),
    async (context) => context.json({ queries: await lab.queries() }, 200),
  )

  const queryParams = z.object({ name: nameSchema })
  app.openapi(
    route('write', {
      method: 'put',
      path: '/v1/queries/{name}',
      summary: 'Save a query, in place of one of that name',
      request: { params: queryParams, body: { required: true, ...json(queryRequest) } },
      responses: { 200: done },
    }),
    async (context) => {
      const { name } = context.req.valid('param')
      await lab.putQuery({ name, ...context.req.valid('json'), ...written(context) })
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('write', {
      method: 'delete',
      path: '/v1/queries/{name}',
      summary: 'Remove a saved query',
      request: { params: queryParams },
      responses: { 200: done, 404: problem(404) },
    }),
    async (context) => {
      const { name } = context.req.valid('param')
      if (!(await lab.queries()).some((known) => known.name === name)) {
        throw new Refusal(404, 'not-found', `there is no saved query '${name}'`)
      }
      await lab.removeQuery(name)
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('read', {
      method: 'get',
      path: '/v1/disagreements',
      summary: 'Second, different values for a key, the latest first',
      responses: { 200: { description: 'They', ...json(disagreementsAnswer) } },
    }),
    async (context) => context.json({ disagreements: await lab.disagreements(maximumDisagreements) }, 200),
  )
}

import { UserError } from '@isthmus/tensor'
import type { z } from 'zod'

/** Check the content of a `config.json` against a schema. Fields that the schema does not name are left out.
 *
 *  @param where The file, for the error.
 *  @throws {UserError} naming the file and its first field that does not fit, with what was expected and found.
 */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, json: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const field = issue.path.join('.')
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)?.[key], json)
  const subject = field === '' ? 'the file' : field
  throw new UserError(
    `${where}: ${subject} must be ${expected(issue)}, but it is ${found === undefined ? 'missing' : JSON.stringify(found)}; ` +
      'check that this is the configuration of a model of that architecture',
  )
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return { object: 'an object', int: 'a whole number' }[issue.expected as string] ?? `a ${issue.expected}`
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ')
    default:
      return `valid (${issue.message})`
  }
}

import { UserError } from '@isthmus/tensor'
import type { z } from 'zod'
import type { StudyDefinition, Sweep } from './define-study.ts'
import { type StudySettings, studySettings } from './settings.ts'

/** One point of a study's grid. */
export interface StudyVariant {
  /** The swept settings and their values, `alignment.fraction=0.1`; empty where nothing is swept. */
  readonly name: string
  readonly swept: Readonly<Record<string, unknown>>
  readonly settings: StudySettings
}

/** A study with its settings checked: one variant for each combination of swept values. */
export interface ExpandedStudy {
  readonly name: string
  readonly title: string
  readonly variants: readonly StudyVariant[]
}

/** Fill in defaults and expand sweeps into their grid, in the order in which they are written.
 *
 *  @param where What to call the study in an error: its file.
 *  @throws {UserError} naming the setting that is unknown, has a wrong value, or contradicts another.
 */
export function expandStudy(definition: StudyDefinition, where: string): ExpandedStudy {
  const { figures: _, ...named } = definition
  const { name, title, settings: rest } = namedSettings(named, where)
  const sweeps = findSweeps(rest, [])
  for (const { path, values } of sweeps) {
    if (values.length === 0) throw new UserError(`${where}: ${path.join('.')} is swept over no values`)
  }
  const variants = grid(sweeps).map((swept): StudyVariant => {
    const settings = Object.entries(swept).reduce(
      (object, [path, value]) => setPath(object, path.split('.'), value),
      rest,
    )
    const label = Object.entries(swept).map(([path, value]) => `${path}=${display(value)}`)
    return { name: label.join(', '), swept, settings: parseStudySettings(settings, where) }
  })
  return { name, title, variants }
}

/** Take the name and the title of a definition off its settings.
 *
 *  @throws {UserError} when either is missing.
 */
export function namedSettings(
  { name, title, ...settings }: { readonly name: string; readonly title: string },
  where: string,
): { readonly name: string; readonly title: string; readonly settings: Readonly<Record<string, unknown>> } {
  for (const [field, value] of Object.entries({ name, title })) {
    if (typeof value !== 'string' || value === '') {
      throw new UserError(`${where}: ${field} must be a text, found ${JSON.stringify(value)}`)
    }
  }
  return { name, title, settings }
}

/** Replace settings of a study or a family, as `--set alignment.fraction=0.5` does.
 *
 *  @param assignments Texts `path=value`. A value is JSON, a range `1..4`, a list `a,b`, `sweep(…)` of these, or text.
 *  @throws {UserError} naming the assignment that cannot be read.
 */
export function overrideSettings<Definition extends object>(
  definition: Definition,
  assignments: readonly string[],
): Definition {
  return assignments.reduce((study, assignment) => {
    const equals = assignment.indexOf('=')
    const path = assignment.slice(0, equals).trim()
    if (equals < 1 || path.split('.').includes('')) {
      throw new UserError(`--set ${assignment}: expected setting=value, as in --set alignment.fraction=0.5`)
    }
    return setPath(study, path.split('.'), parseValue(assignment.slice(equals + 1).trim()))
  }, definition)
}

/** Fill in the defaults of settings.
 *
 *  @param schema Of which each setting has a default.
 *  @param where What to call their file.
 *  @throws {UserError} naming the setting that is unknown or has a wrong value.
 */
export function parseSettings<Settings>(schema: z.ZodType<Settings>, settings: unknown, where: string): Settings {
  const parsed = schema.safeParse(settings)
  if (parsed.success) return parsed.data
  const defaults = schema.parse({}) as Readonly<Record<string, unknown>>
  throw new UserError(`${where}: ${describeIssue(parsed.error.issues[0]!, settings, defaults)}`)
}

/** @throws {UserError} when a seed is there twice. */
export function assertDistinctSeeds(seeds: readonly number[], where: string): void {
  const repeated = seeds.find((seed, index) => seeds.indexOf(seed) !== index)
  if (repeated !== undefined) throw new UserError(`${where}: seeds names ${repeated} twice`)
}

function parseStudySettings(settings: unknown, where: string): StudySettings {
  const parsed = parseSettings(studySettings, settings, where)
  const { seeds, pairs } = parsed
  assertDistinctSeeds(seeds, where)
  if (pairs === 'all' && seeds.length < 2) {
    throw new UserError(`${where}: seeds has ${seeds.length} seed, and pairs of different seeds need at least 2`)
  }
  for (const [a, b] of pairs === 'all' ? [] : pairs) {
    if (a === b) throw new UserError(`${where}: pairs has [${a}, ${b}], a model with itself`)
    const unknown = [a, b].find((seed) => !seeds.includes(seed))
    if (unknown !== undefined) {
      throw new UserError(`${where}: pairs names seed ${unknown}, which is not among seeds ${seeds.join(', ')}`)
    }
  }
  return parsed
}

function describeIssue(
  issue: z.core.$ZodIssue,
  settings: unknown,
  defaults: Readonly<Record<string, unknown>>,
): string {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys
    const known = knownKeys(issue.path, defaults)
    return `there is no setting '${[...issue.path, key].join('.')}'; the settings ${path === '' ? '' : `of ${path} `}are ${known.join(', ')}`
  }
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)?.[key], settings)
  return `${path} is ${display(found)}: ${issue.message}`
}

/** The keys at a path of the settings; of a list's items, those of the first item of its default. */
function knownKeys(path: readonly PropertyKey[], defaults: Readonly<Record<string, unknown>>): string[] {
  const at = path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)[Array.isArray(value) ? 0 : key],
    defaults,
  )
  return Object.keys(at as object)
}

/** The sweeps among settings, by the path of what they sweep. */
export function findSweeps(
  value: unknown,
  path: readonly string[],
): { path: readonly string[]; values: readonly unknown[] }[] {
  if (isSweep(value)) return [{ path, values: value.sweep }]
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => findSweeps(inner, [...path, key]))
}

function grid(sweeps: readonly { path: readonly string[]; values: readonly unknown[] }[]): Record<string, unknown>[] {
  return sweeps.reduce<Record<string, unknown>[]>(
    (points, { path, values }) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [path.join('.')]: value }))),
    [{}],
  )
}

function setPath<Object extends object>(object: Object, [key, ...rest]: readonly string[], value: unknown): Object {
  const record = object as Readonly<Record<string, unknown>>
  const inner = record[key!]
  return { ...record, [key!]: rest.length === 0 ? value : setPath(isRecord(inner) ? inner : {}, rest, value) } as Object
}

function parseValue(text: string): unknown {
  const swept = /^sweep\((.*)\)$/s.exec(text)
  if (swept !== null) {
    const inner = parseValue(swept[1]!)
    return { sweep: Array.isArray(inner) ? inner : [inner] }
  }
  const range = /^(\d+)\.\.(\d+)$/.exec(text)
  if (range !== null) {
    const [from, to] = [Number(range[1]), Number(range[2])]
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
  }
  try {
    return JSON.parse(text)
  } catch {
    return text.includes(',') ? text.split(',').map((part) => parseValue(part.trim())) : text
  }
}

function display(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSweep(value: unknown): value is Sweep<unknown> {
  return isRecord(value) && Array.isArray(value.sweep) && Object.keys(value).length === 1
}

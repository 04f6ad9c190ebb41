import { canonicalDigest } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
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

/** Fill in defaults and expand sweeps into their grid, in the order in which they are written; of the grid, take what the
 *  study's condition and its sample leave.
 *
 *  The points of a sample are those with the least SHA-256 of the seed and the point's name. A point is therefore taken or not
 *  by how many others come before it, whatever these are: a larger sample holds a smaller one, and a grid that grows keeps
 *  what it had, but for what new points push out.
 *  @param file What to call the study in an error.
 *  @throws {UserError} naming the setting that is unknown, has a wrong value, or contradicts another; or when nothing is left.
 */
export function expandStudy(definition: StudyDefinition, file: string): ExpandedStudy {
  const { figures: _, where, sample, ...named } = definition
  if (where !== undefined && typeof where !== 'function') {
    throw new UserError(`${file}: where must be a function of a point's settings, found ${JSON.stringify(where)}`)
  }
  const { name, title, settings: rest } = namedSettings(named, file)
  const points = alternatives(rest, [], { file, isSwept: false })
  const paths = [...new Set(points.flatMap(Object.keys))]
  const fixed = withoutSweeps(rest)
  const grid = points.map((point) => variantAt(point, paths, fixed, file))
  const chosen = where === undefined ? grid : grid.filter(({ settings }) => where(settings))
  if (chosen.length === 0) {
    throw new UserError(
      `${file}: the condition, where, is true of none of the ${grid.length} points that are swept: change it, or sweep other values`,
    )
  }
  return { name, title, variants: sample === undefined ? chosen : sampled(chosen, sample, file) }
}

/** Settings at a point of the grid. What other points set and this one does not is swept too: it has its default here. */
function variantAt(point: GridPoint, paths: readonly string[], fixed: object, file: string): StudyVariant {
  const given = Object.entries(point).reduce((object, [path, value]) => setPath(object, path.split('.'), value), fixed)
  const settings = parseStudySettings(given, file)
  const swept = Object.fromEntries(paths.map((path) => [path, path in point ? point[path] : valueAt(settings, path)]))
  const label = Object.entries(swept).map(([path, value]) => `${path}=${display(value)}`)
  return { name: label.join(', '), swept, settings }
}

const gridSample = z.strictObject({ count: z.int().positive(), seed: z.int().nonnegative().default(0) })

function sampled(variants: readonly StudyVariant[], sample: unknown, file: string): StudyVariant[] {
  const parsed = gridSample.safeParse(sample)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new UserError(
      `${file}: ${['sample', ...issue!.path].join('.')}: ${issue!.message}; expected how many points of the grid to take, as in ` +
        '--set sample.count=10 --set sample.seed=1',
    )
  }
  const { count, seed } = parsed.data
  const ranked = variants.map((variant) => ({ variant, rank: canonicalDigest([seed, variant.name]) }))
  const taken = ranked.sort((left, right) => (left.rank < right.rank ? -1 : 1)).slice(0, count)
  const chosen = new Set(taken.map(({ variant }) => variant))
  return variants.filter((variant) => chosen.has(variant))
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

/** Replace settings of a study or a family, as `--set alignment.fraction=0.5` does. Where the settings that it is among are
 *  swept together, it is replaced in each of their points.
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

/** The swept settings of one point of a grid, by their paths. */
type GridPoint = Readonly<Record<string, unknown>>

/** What the settings at a path may be: every point of their grid. Settings that are not swept are in none of the points. */
function alternatives(
  value: unknown,
  path: readonly string[],
  { file, isSwept }: { readonly file: string; readonly isSwept: boolean },
): GridPoint[] {
  if (isSweep(value)) {
    if (value.sweep.length === 0) throw new UserError(`${file}: ${path.join('.')} is swept over no values`)
    return value.sweep.flatMap((one) => alternatives(one, path, { file, isSwept: true }))
  }
  if (!isRecord(value)) return [isSwept ? { [path.join('.')]: value } : {}]
  return Object.entries(value).reduce<GridPoint[]>(
    (points, [key, inner]) => {
      const own = alternatives(inner, [...path, key], { file, isSwept })
      if (own.length === 1 && Object.keys(own[0]!).length === 0) return points
      return points.flatMap((point) => own.map((other) => ({ ...point, ...other })))
    },
    [{}],
  )
}

function withoutSweeps(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fixed = Object.entries(settings).filter(([, value]) => !isSweep(value))
  return Object.fromEntries(fixed.map(([key, value]) => [key, isRecord(value) ? withoutSweeps(value) : value]))
}

function valueAt(settings: unknown, path: string): unknown {
  return path.split('.').reduce((value, key) => (value as Readonly<Record<string, unknown>>)[key], settings)
}

function setPath<Object extends object>(object: Object, [key, ...rest]: readonly string[], value: unknown): Object {
  const record = object as Readonly<Record<string, unknown>>
  const inner = record[key!]
  const within = (one: unknown) => setPath(isRecord(one) ? one : {}, rest, value)
  const changed = rest.length === 0 ? value : isSweep(inner) ? { sweep: inner.sweep.map(within) } : within(inner)
  return { ...record, [key!]: changed } as Object
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

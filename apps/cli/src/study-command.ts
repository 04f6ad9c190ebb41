import { type ExpandedStudy, expandFamily, expandStudy } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import { type LoadedFamily, loadStudies } from './load-study.ts'
import { shellQuote } from './shell-quote.ts'

/** What a study's own file says of it. */
export interface StudyFile {
  readonly title: string
  /** The figures that its report shows; all where it does not say. */
  readonly figures: readonly string[] | undefined
  /** The settings of each variant without any `--set`. */
  readonly settings: readonly unknown[]
}

/** What is to be reported under a name. */
export interface StudiesOfName {
  /** Of a collection. */
  readonly title?: string
  /** Studies as the results name them; `file` is missing where there is none any more, or it cannot be read. */
  readonly studies: readonly { readonly study: string; readonly file: StudyFile | undefined }[]
}

/** The study, or the studies of a collection, that a name stands for: in a file, or only in the results. */
export async function studiesOfName(name: string): Promise<StudiesOfName> {
  try {
    const loaded = await loadStudies(name)
    if (loaded.kind === 'family') return { studies: [familyFile(loaded)] }
    const { title, studies } = loaded
    const read = studies.map(({ definition, file }) => {
      const { title, figures } = definition
      return { study: definition.name, file: { title, figures, settings: settingsOf(expandStudy(definition, file)) } }
    })
    return read.length > 1 ? { title, studies: read } : { studies: read }
  } catch (error) {
    if (error instanceof UserError) return { studies: [{ study: name, file: undefined }] }
    throw error
  }
}

function settingsOf({ variants }: ExpandedStudy): unknown[] {
  return variants.map(({ settings }) => settings)
}

function familyFile({ definition, file }: LoadedFamily): StudiesOfName['studies'][number] {
  const { name, title, settings } = expandFamily(definition, file)
  return { study: name, file: { title, figures: ['training-curves'], settings: [settings] } }
}

/** The command that runs a study with the settings that a run recorded.
 *
 *  @param recorded The settings of each variant of the run, in order.
 *  @param own The study's file; where it is missing, the command has no `--set`.
 */
export function studyCommand(name: string, recorded: readonly unknown[], own: StudyFile | undefined): string {
  const defaults = leaves(own?.settings ?? [])
  const changed = [...leaves(recorded)].filter(
    ([path, values]) => defaults.has(path) && JSON.stringify(defaults.get(path)) !== JSON.stringify(values),
  )
  const options = changed.map(([path, values]) => ` --set ${shellQuote(`${path}=${assigned(values)}`)}`)
  return `npx isthmus run ${shellQuote(name)}${options.join('')}`
}

/** The different values of each setting over the variants, by its path. */
function leaves(variants: readonly unknown[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>()
  for (const variant of variants) {
    for (const [path, value] of pathsOf(variant, [])) {
      const values = found.get(path) ?? []
      if (!values.some((other) => JSON.stringify(other) === JSON.stringify(value))) values.push(value)
      found.set(path, values)
    }
  }
  return found
}

function pathsOf(value: unknown, path: readonly string[]): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path.join('.'), value]]
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))
}

/** As `--set` reads it. */
function assigned(values: readonly unknown[]): string {
  if (values.length === 1) return isScalar(values[0]) ? text(values[0]) : list(values[0] as readonly unknown[])
  return `sweep(${values.every(isScalar) ? values.map(text).join(',') : JSON.stringify(values)})`
}

/** `1,2` where that is read as the list that it is, else JSON. */
function list(values: readonly unknown[]): string {
  return values.length > 1 && values.every(isScalar) ? values.map(text).join(',') : JSON.stringify(values)
}

function isScalar(value: unknown): boolean {
  return typeof value === 'number' || value === null || (typeof value === 'string' && !value.includes(','))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

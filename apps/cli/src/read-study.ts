import { resolve } from 'node:path'
import {
  expandFamily,
  expandStudy,
  isFamilyPath,
  overrideSettings,
  type PlacedFamily,
  type PlacedStudy,
} from '@isthmus/study'
import { loadStudies } from './load-study.ts'

/** Studies with the settings of the command line, ready to be planned: of a collection, or a single one. */
export interface ReadStudies {
  readonly kind: 'studies'
  readonly name: string
  readonly title: string
  readonly studies: readonly PlacedStudy[]
}

/** A family with the settings of the command line, ready to be planned. */
export interface ReadFamily extends PlacedFamily {
  readonly kind: 'family'
  readonly name: string
  readonly title: string
}

/** Load studies, or a family, and change the settings that `--set` names, in each. A path given there is relative to the
 *  working folder; a family of the hub, or one that is known by its name, stays as it is.
 */
export async function readStudies(name: string, assignments: readonly string[]): Promise<ReadStudies | ReadFamily> {
  const loaded = await loadStudies(name)
  const local = assignments.map((assignment) =>
    assignment.replace(pathAssignment, (given, setting, path) =>
      path === 'null' || (setting === 'family' && !isFamilyPath(path)) ? given : `${setting}=${resolve(path)}`,
    ),
  )
  if (loaded.kind === 'family') {
    const { definition, file, base } = loaded
    const family = expandFamily(overrideSettings(definition, local), file)
    const { name, title } = family
    return { kind: 'family', name, title, family, resolvePath: (path) => resolve(base, path) }
  }
  const studies = loaded.studies.map(({ definition, file, base }) => ({
    study: expandStudy(overrideSettings(definition, local), file),
    resolvePath: (path: string) => resolve(base, path),
  }))
  return { kind: 'studies', name: loaded.name, title: loaded.title, studies }
}

const pathAssignment = /^(family|books|wikitext|images|task|tokenizer|folder|validation\.wikitext)=(?!sweep\()(.+)$/s

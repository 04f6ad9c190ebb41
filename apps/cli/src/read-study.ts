import { resolve } from 'node:path'
import { expandStudy, isFamilyPath, overrideSettings, type PlacedStudy } from '@isthmus/study'
import { loadStudies } from './load-study.ts'

/** Studies with the settings of the command line, ready to be planned: of a collection, or a single one. */
export interface ReadStudies {
  readonly name: string
  readonly title: string
  readonly studies: readonly PlacedStudy[]
}

/** Load studies and change the settings that `--set` names, in each. A path given there is relative to the working folder;
 *  a family of the hub, or one that is known by its name, stays as it is.
 */
export async function readStudies(name: string, assignments: readonly string[]): Promise<ReadStudies> {
  const loaded = await loadStudies(name)
  const local = assignments.map((assignment) =>
    assignment.replace(pathAssignment, (given, setting, path) =>
      setting === 'family' && !isFamilyPath(path) ? given : `${setting}=${resolve(path)}`,
    ),
  )
  const studies = loaded.studies.map(({ definition, file, base }) => ({
    study: expandStudy(overrideSettings(definition, local), file),
    resolvePath: (path: string) => resolve(base, path),
  }))
  return { name: loaded.name, title: loaded.title, studies }
}

const pathAssignment = /^(family|books|wikitext|images)=(?!sweep\()(.+)$/s

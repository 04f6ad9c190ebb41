import { resolve } from 'node:path'
import { type ExpandedStudy, expandStudy, overrideSettings } from '@isthmus/study'
import { type LoadedStudy, loadStudy } from './load-study.ts'

/** A study with the settings of the command line, ready to be planned. */
export interface ReadStudy {
  readonly study: ExpandedStudy
  resolvePath(path: string): string
}

/** Load a study and change the settings that `--set` names. A path given there is relative to the working folder. */
export async function readStudy(name: string, assignments: readonly string[]): Promise<ReadStudy> {
  const loaded: LoadedStudy = await loadStudy(name)
  const local = assignments.map((assignment) =>
    assignment.replace(pathAssignment, (_, key, path) => key + resolve(path)),
  )
  return {
    study: expandStudy(overrideSettings(loaded.definition, local), loaded.file),
    resolvePath: (path) => resolve(loaded.base, path),
  }
}

const pathAssignment = /^((?:family|books|wikitext)=)(?!sweep\()(.+)$/s

import { UserError } from '@isthmus/tensor'
import type { FamilyDefinition } from './define-study.ts'
import { assertDistinctSeeds, findSweeps, namedSettings, parseSettings } from './expand-study.ts'
import { type FamilySettings, familySettings } from './family-settings.ts'

/** A family with its settings checked. */
export interface ExpandedFamily {
  readonly name: string
  readonly title: string
  readonly settings: FamilySettings
}

/** Fill in the defaults of a family.
 *
 *  @param where What to call it in an error: its file.
 *  @throws {UserError} naming the setting that is unknown, has a wrong value, or is swept.
 */
export function expandFamily({ kind: _, ...definition }: FamilyDefinition, where: string): ExpandedFamily {
  const { name, title, settings: given } = namedSettings(definition, where)
  const [swept] = findSweeps(given, [])
  if (swept !== undefined) {
    throw new UserError(
      `${where}: ${swept.path.join('.')} is swept, but a family is trained by one recipe: run it once for each value, with ` +
        'a folder of its own, --set folder=models/…',
    )
  }
  const settings = parseSettings(familySettings, given, where)
  assertDistinctSeeds(settings.seeds, where)
  if (settings.seeds.length === 0) throw new UserError(`${where}: seeds is empty: name a seed for each model`)
  return { name, title, settings }
}

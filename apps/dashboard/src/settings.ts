import { flatten, parseJson } from './format.ts'
import type { Value } from './server.ts'

/** The settings of a variant among those of its run.
 *
 *  @param run A list, one element a variant, as `study_run.settings` has it.
 *  @param varied What the study varies for the variant, as `barrier.settings` has it.
 */
export function variantSettings(run: Value, varied: Value): Value {
  const own = Object.entries(flatten(parseJson(varied)))
  const variants = [parseJson(run)].flat() as readonly Value[]
  const matches = (variant: Value) => {
    const all = flatten(variant)
    return own.every(([name, value]) => JSON.stringify(all[name]) === JSON.stringify(value))
  }
  return variants.find(matches) ?? variants[0] ?? {}
}

/** The names of settings in which results differ, in alphabetical order. */
export function differingSettings(settings: readonly Readonly<Record<string, Value>>[]): string[] {
  const names = new Set(settings.flatMap((one) => Object.keys(one)))
  return [...names].filter((name) => new Set(settings.map((one) => JSON.stringify(one[name]))).size > 1).sort()
}

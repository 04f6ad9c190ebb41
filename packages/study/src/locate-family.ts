import { type PulledCheckpoint, pullCheckpoint } from '@isthmus/checkpoint'
import { familyMember } from './families.ts'
import type { ModelPlace } from './open-models.ts'
import type { PlanContext } from './plan-alignment.ts'

/** What finding the members of a family needs of the world. */
export interface FamilyContext extends Pick<PlanContext, 'resolvePath'> {
  /** Bring a model of the hub onto this machine. Default `pullCheckpoint`, into the cache that programs of the hub share. */
  readonly pull?: (reference: string) => Promise<PulledCheckpoint>
}

/** Find the members of a family that were trained from some seeds; those of the hub are pulled, one after the other.
 *
 *  @throws {UserError} when the family has no such seed, or a member cannot be pulled.
 */
export async function locateFamily(
  family: string,
  seeds: readonly number[],
  { resolvePath, pull = pullCheckpoint }: FamilyContext,
): Promise<ModelPlace[]> {
  const members = seeds.map((seed) => familyMember(family, seed))
  const places: ModelPlace[] = []
  for (const { name, place } of members) {
    if (place.kind === 'folder') {
      places.push({ name, directory: resolvePath(place.path), source: null })
    } else {
      const { directory, reference } = await pull(place.reference)
      places.push({ name, directory, source: reference })
    }
  }
  return places
}

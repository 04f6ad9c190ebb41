import { UserError } from '@isthmus/tensor'

/** Models that are published together and differ in their random initialisation, known by a name. */
export interface Family {
  /** What `--set family=` calls it. */
  readonly name: string
  /** Where its members are, with `{seed}` in place of the seed. */
  readonly members: string
  /** The first and the last seed; there are all between. */
  readonly seeds: readonly [number, number]
  readonly reference: string
}

/** Every family that is known by its name. */
export const families: readonly Family[] = [
  {
    name: 'multiberts',
    members: 'hf:google/multiberts-seed_{seed}',
    seeds: [0, 24],
    reference: 'Sellam et al. (2022), The MultiBERTs: BERT Reproductions for Robustness Analysis',
  },
]

/** One model of a family, and where it is: on the hub, or in a folder. */
export interface FamilyMember {
  /** Different for different seeds: the last part of its place, with the seed in it. */
  readonly name: string
  readonly place:
    | { readonly kind: 'hub'; readonly reference: string }
    | { readonly kind: 'folder'; readonly path: string }
}

const seedSlot = '{seed}'

/** Whether a family is a path: neither a reference to the hub nor a name that is known. */
export function isFamilyPath(family: string): boolean {
  return !family.startsWith('hf:') && !families.some(({ name }) => name === family)
}

/** The member of a family that was trained from a seed.
 *
 *  @param family A name that is known; a path or a reference to the hub that has `{seed}` in it,
 *    `runs/bert-{seed}` or `hf:google/multiberts-seed_{seed}@main`; or a folder with members `seed-1`, `seed-2`, ….
 *  @throws {UserError} when a family that is known has no such seed, or a reference to the hub has no `{seed}`.
 */
export function familyMember(family: string, seed: number): FamilyMember {
  const members = knownMembers(family, seed)
  if (members.startsWith('hf:')) {
    if (!members.includes(seedSlot)) throw oneModel(members)
    return {
      name: memberName(members.slice('hf:'.length), seed),
      place: { kind: 'hub', reference: members.replaceAll(seedSlot, String(seed)) },
    }
  }
  const template = members.includes(seedSlot) ? members : `${members}/seed-${seedSlot}`
  return {
    name: memberName(template, seed),
    place: { kind: 'folder', path: template.replaceAll(seedSlot, String(seed)) },
  }
}

function knownMembers(family: string, seed: number): string {
  const known = families.find(({ name }) => name === family)
  if (known === undefined) return family
  const [first, last] = known.seeds
  if (seed >= first && seed <= last) return known.members
  throw new UserError(
    `the family ${known.name} has the seeds ${first} to ${last}, and seeds names ${seed}; choose seeds among these`,
  )
}

/** From the part that holds the seed on, joined by `-`; without a revision, unless that is where the seed is. */
function memberName(template: string, seed: number): string {
  const [place, ...revision] = template.split('@')
  const named = place!.includes(seedSlot) ? place! : `${place}@${revision.join('@')}`
  const parts = named.split(/[/\\]/).filter((part) => part !== '')
  const first = parts.findIndex((part) => part.includes(seedSlot))
  return parts.slice(first).join('-').replaceAll(seedSlot, String(seed))
}

function oneModel(reference: string): UserError {
  const [repo, revision] = reference.split('@')
  const example = `${repo!.replace(/\d+$/, '')}${seedSlot}${revision === undefined ? '' : `@${revision}`}`
  return new UserError(
    `family is ${reference}, one model of the hub; put ${seedSlot} where the seed stands, such as ${example}`,
  )
}

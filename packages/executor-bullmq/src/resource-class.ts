import type { Cost } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'

/** The queues, by what a job needs of the machine that runs it; a job goes to the first that takes it. */
const queues = [
  { name: 'large-memory', takes: ({ memoryBytes = 0 }: Cost) => memoryBytes > 8 * 2 ** 30 },
  { name: 'cpu', takes: () => true },
] as const

/** A kind of machine that jobs are queued for. */
export type ResourceClass = (typeof queues)[number]['name']

/** All of them: a worker serves these unless it is told which. */
export const resourceClasses: readonly ResourceClass[] = queues.map(({ name }) => name)

/** The class of a job: `large-memory` above 8 GiB, else `cpu`. */
export function resourceClassOf(cost: Cost): ResourceClass {
  return queues.find(({ takes }) => takes(cost))!.name
}

/** The classes with these names.
 *
 *  @throws {UserError} naming the one that there is not.
 */
export function parseResourceClasses(names: readonly string[]): readonly ResourceClass[] {
  return names.map((name) => {
    const found = resourceClasses.find((known) => known === name)
    if (found !== undefined) return found
    throw new UserError(`There is no class of machines '${name}': the classes are ${resourceClasses.join(', ')}.`)
  })
}

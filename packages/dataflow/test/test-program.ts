import { buildTestPrograms } from '@isthmus/build'

/** The path of a program that tests start: `worker` serves the dummy operations to a pool of processes. */
export const testProgram = await buildTestPrograms(new URL('..', import.meta.url))

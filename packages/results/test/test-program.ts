import { buildTestPrograms } from '@isthmus/build'

/** The path of a program that tests start: `answer-queries` answers those of a `QueryPool`. */
export const testProgram = await buildTestPrograms(new URL('..', import.meta.url))

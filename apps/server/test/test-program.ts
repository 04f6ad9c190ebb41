import { buildTestPrograms } from '@isthmus/build'

/** The path of a program that tests start: `serve-lab` serves a home folder. */
export const testProgram = await buildTestPrograms(new URL('..', import.meta.url), [new URL('../src', import.meta.url)])

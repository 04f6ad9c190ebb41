import { buildTestPrograms } from '@isthmus/build'

const dummies = new URL('.', import.meta.resolve('@isthmus/dataflow/dummy-operations'))

/** The path of a program that tests start. */
export const testProgram = await buildTestPrograms(new URL('..', import.meta.url), [dummies])

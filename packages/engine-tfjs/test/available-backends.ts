import { type BackendName, backendNames, inspectBackend } from '../src/index.ts'

/** The backends that tests run on: those that every machine has, and the native ones where they are installed. */
export const availableBackends: readonly BackendName[] = backendNames.filter((name) => inspectBackend(name).available)

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  type Cache,
  type CacheOptions,
  type Executor,
  inProcessExecutor,
  type Node,
  openCache,
  type RunEvent,
  type RunOptions,
  type RunResult,
  run,
} from '../src/index.ts'
import { dummyOperations } from './dummy-operations.ts'

/** An empty directory that is removed when the test has finished. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-dataflow-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A cache in a directory, by default an empty one, closed when the test has finished. */
export async function temporaryCache(directory = temporaryDirectory(), options: CacheOptions = {}): Promise<Cache> {
  const cache = await openCache(directory, options)
  onTestFinished(() => cache.close())
  return cache
}

/** Run targets with the dummy operations, in this process unless an executor is given, and keep the events. */
export async function runDummies(
  cache: Cache,
  targets: readonly Node[],
  options: Partial<RunOptions> & { readonly executor?: Executor } = {},
): Promise<{ result: RunResult; events: RunEvent[] }> {
  const events: RunEvent[] = []
  const result = await run(targets, {
    cache,
    executor: inProcessExecutor(dummyOperations, cache),
    ...options,
    onEvent: (event) => {
      events.push(event)
      options.onEvent?.(event)
    },
  })
  return { result, events }
}

/** The events of one type. */
export function ofType<Type extends RunEvent['type']>(
  events: readonly RunEvent[],
  type: Type,
): Extract<RunEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type)
}

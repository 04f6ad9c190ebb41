import { existsSync, utimesSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type AnyOperation, type Cache, collectGarbage, defineOperation, inProcessExecutor } from '../src/index.ts'
import { ofType, runDummies, temporaryCache } from './temporary-cache.ts'

/** Counts to a number, keeping in a file how far it is; where it is to stumble, it fails there. */
function counter(stumbleAt: number | null) {
  return defineOperation({
    id: 'dummy.count',
    version: 1,
    inputs: {},
    params: z.object({ to: z.int() }),
    value: z.int(),
    run: async (context, _inputs, { to }) => {
      const path = await context.partial('count')
      const start = existsSync(path) ? Number(await readFile(path, 'utf8')) : 0
      for (let count = start; count < to; count++) {
        if (count === stumbleAt) throw new Error('stumbled')
        await writeFile(path, String(count + 1))
        context.progress(count + 1, to)
      }
      return to
    },
  })
}

describe('partial work', () => {
  it('outlives the run that made it, is found by the next, and goes with the result', async () => {
    const cache = await temporaryCache()
    const first = await runCounter(cache, counter(7))
    expect(first.result.failures.map(({ error }) => error.message)).toEqual(['stumbled'])

    const second = await runCounter(cache, counter(null))
    expect(ofType(second.events, 'progress').map(({ done }) => done)).toEqual([8, 9, 10])
    const [{ key, digest } = { key: '', digest: '' }] = ofType(second.events, 'finished')
    expect(existsSync(join(cache.directory, 'partial', key))).toBe(false)

    const undisturbed = await runCounter(await temporaryCache(), counter(null))
    expect(ofType(undisturbed.events, 'finished')[0]?.digest).toBe(digest)
  })

  it('is each node’s own', async () => {
    const cache = await temporaryCache()
    await runCounter(cache, counter(7))
    const other = await runCounter(cache, counter(null), 12)
    expect(ofType(other.events, 'progress')[0]?.done).toBe(1)
  })

  it('is garbage once nothing has touched it for a month', async () => {
    const cache = await temporaryCache()
    const { result } = await runCounter(cache, counter(7))
    expect(result.failures).toHaveLength(1)
    expect((await collectGarbage(cache)).abandoned).toBe(0)
    const [key] = await makeOld(cache.directory)
    expect((await collectGarbage(cache, { dryRun: true })).abandoned).toBe(1)
    expect(existsSync(join(cache.directory, 'partial', key!))).toBe(true)
    expect((await collectGarbage(cache)).abandoned).toBe(1)
    expect(existsSync(join(cache.directory, 'partial', key!))).toBe(false)
  })
})

function runCounter(cache: Cache, operation: ReturnType<typeof counter>, to = 10) {
  return runDummies(cache, [operation.node({}, { to })], {
    executor: inProcessExecutor([operation as unknown as AnyOperation], cache),
  })
}

/** Set the times of all partial work to two months ago. */
async function makeOld(directory: string): Promise<string[]> {
  const root = join(directory, 'partial')
  const keys = await readdir(root)
  const then = new Date(Date.now() - 60 * 86_400_000)
  for (const key of keys) {
    for (const name of await readdir(join(root, key))) utimesSync(join(root, key, name), then, then)
    utimesSync(join(root, key), then, then)
  }
  return keys
}

import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Cache,
  type CacheTier,
  type Digest,
  defineOperation,
  inProcessExecutor,
  one,
  openCache,
  run,
} from '@isthmus/dataflow'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

const write = defineOperation({
  id: 'test.write',
  version: 1,
  inputs: {},
  params: z.object({ text: z.string() }),
  value: z.number(),
  run: async (context, _inputs, { text }) => {
    await writeFile(await context.createBlob('text'), text)
    return text.length
  },
})

const double = defineOperation({
  id: 'test.double',
  version: 1,
  inputs: { of: one(z.number()) },
  params: z.object({}),
  value: z.number(),
  run: async (_context, { of }) => 2 * of.value,
})

/** Nodes that write each a text, and one for each that doubles its length. */
export function textNodes(texts: readonly string[]) {
  return texts.map((text) => double.node({ of: write.node({}, { text }) }, {}))
}

/** An empty folder that is removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-remote-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Compute nodes on an empty cache, or with a tier.
 *
 *  @returns The cache, the keys in the order in which they finished, and the counts of the run.
 */
export async function computed(texts: readonly string[], options: { readonly tier?: CacheTier } = {}) {
  const cache: Cache = await openCache(temporaryFolder(), options)
  onTestFinished(() => cache.close())
  const keys: Digest[] = []
  const { counts } = await run(textNodes(texts), {
    cache,
    executor: inProcessExecutor([write, double], cache),
    onEvent: (event) => {
      if (event.type === 'finished') keys.push(event.key)
    },
  })
  return { cache, keys, counts }
}

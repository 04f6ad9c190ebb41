/** What the dataflow costs beside the work itself: 10,000 nodes that do nothing, run from nothing and then from the
 *  cache, next to the plainest durable way: one file a result, written and fsynced.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { defineOperation, inProcessExecutor, many, type Node, one, openCache, run } from '../src/index.ts'

const count = 10_000
const rivalCount = 1_000

const leaf = defineOperation({
  id: 'bench.leaf',
  version: 1,
  inputs: {},
  params: z.object({ i: z.number() }),
  value: z.number(),
  run: async (_context, _inputs, { i }) => i,
})

const next = defineOperation({
  id: 'bench.next',
  version: 1,
  inputs: { previous: one(z.number()) },
  params: z.object({}),
  value: z.number(),
  run: async (_context, { previous }) => previous.value + 1,
})

const sum = defineOperation({
  id: 'bench.sum',
  version: 1,
  inputs: { terms: many(z.number()) },
  params: z.object({}),
  value: z.number(),
  run: async (_context, { terms }) => terms.reduce((total, { value }) => total + value, 0),
})

/** Wide: leaves and pairs of them. */
function wide(): Node[] {
  const leaves = Array.from({ length: count / 2 }, (_, i) => leaf.node({}, { i }))
  return leaves.map((node, i) => sum.node({ terms: [node, leaves[(i + 1) % leaves.length]!] }, {}))
}

/** Deep: a chain. */
function deep(): Node[] {
  let node: Node<number> = leaf.node({}, { i: 0 })
  for (let i = 1; i < count; i++) node = next.node({ previous: node }, {})
  return [node]
}

/** Seconds from nothing, and from the cache: of making the nodes, opening the cache and the run. */
async function measure(
  name: string,
  build: () => Node[],
): Promise<{ readonly fresh: number; readonly cached: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const seconds = { fresh: 0, cached: 0 }
  for (const kind of ['fresh', 'cached'] as const) {
    const start = performance.now()
    const cache = await openCache(directory)
    const { counts } = await run(build(), { cache, executor: inProcessExecutor([leaf, next, sum], cache) })
    cache.close()
    seconds[kind] = (performance.now() - start) / 1000
    const each = ((1000 * seconds[kind]) / counts.total).toFixed(3)
    console.log(
      `${name} ${kind}: ${seconds[kind].toFixed(2)} s, ${each} ms a node (${counts.ran} ran, ${counts.cached} cached)`,
    )
  }
  rmSync(directory, { recursive: true })
  return seconds
}

async function measureRival(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const start = performance.now()
  for (let i = 0; i < rivalCount; i++) {
    const handle = await open(join(directory, String(i)), 'wx')
    await handle.writeFile(JSON.stringify({ i }))
    await handle.sync()
    await handle.close()
  }
  const perNode = (performance.now() - start) / rivalCount
  rmSync(directory, { recursive: true })
  console.log(`rival, one fsynced file a node: ${perNode.toFixed(3)} ms a node`)
  return perNode
}

const sweeps = [await measure('wide', wide), await measure('deep', deep)]
const rival = await measureRival()
const [fresh, cached] = [Math.max(...sweeps.map(({ fresh }) => fresh)), Math.max(...sweeps.map(({ cached }) => cached))]
const slower = (1000 * fresh) / count
console.log(`fresh / rival: ${(slower / rival).toFixed(2)}; bar of 1 ms a node: ${slower < 1 ? 'kept' : 'MISSED'}`)
console.log(
  `${count} nodes from nothing: ${fresh.toFixed(2)} s, bar of 15 s: ${fresh < 15 ? 'kept' : 'MISSED'}; ` +
    `cached: ${cached.toFixed(2)} s, bar of 3 s: ${cached < 3 ? 'kept' : 'MISSED'}`,
)

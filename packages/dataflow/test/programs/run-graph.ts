/** Runs a graph of 60 short nodes with blobs on the cache in argv[2] and prints each event of interest as a line of
 *  JSON. With argv[3], a folder, it begins when two of it have put a file there.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inProcessExecutor, type Node, openCache, run } from '../../src/index.ts'
import { concatenate, dummyOperations, writeText } from '../dummy-operations.ts'

const [, , cacheDirectory = '', meetingPlace] = process.argv
const leaves = Array.from({ length: 20 }, (_, i) => writeText.node({}, { text: `leaf ${i}\n`, repeat: 500 + i }))
const pairs = leaves.map((leaf, i) =>
  concatenate.node(
    { parts: [leaf, leaves[(i + 1) % leaves.length]!] },
    { separator: `pair ${i}\n`, milliseconds: 5 },
    { label: `pair ${i}` },
  ),
)
const chain: Node<{ length: number }>[] = []
for (const [i, pair] of pairs.entries()) {
  const parts = i === 0 ? [pair] : [chain[i - 1]!, pair]
  chain.push(concatenate.node({ parts }, { separator: '-', milliseconds: 5 }, { label: `chain ${i}` }))
}

const cache = await openCache(cacheDirectory)
const executor = inProcessExecutor(dummyOperations, cache, { slots: 2 })
if (meetingPlace) {
  writeFileSync(join(meetingPlace, String(process.pid)), '')
  while (readdirSync(meetingPlace).length < 2) await sleep(5)
}
const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const result = await run(chain, {
  cache,
  executor,
  onEvent: (event) => {
    if (event.type === 'finished') print({ finished: event.key, cached: event.cached })
  },
})
await executor.close()
cache.close()
print({ digests: chain.map((node) => result.artifact(node).digest), counts: result.counts })

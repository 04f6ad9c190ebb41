/** Runs a graph of 60 short nodes with blobs on the cache in argv[2] and prints each event of interest as a line of
 *  JSON. With argv[3], a folder, and argv[4], a number, it begins when so many of it have put a file there. Appends to
 *  the file that JOB_LOG names, if any, a line when a job begins and when it ends: `begin|end <key> <process>`.
 */
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Executor, inProcessExecutor, type Node, openCache, run } from '../../src/index.ts'
import { concatenate, dummyOperations, writeText } from '../dummy-operations.ts'

const [, , cacheDirectory = '', meetingPlace, participants] = process.argv
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
const executor = logged(inProcessExecutor(dummyOperations, cache, { slots: 2 }))
if (meetingPlace) {
  writeFileSync(join(meetingPlace, String(process.pid)), '')
  while (readdirSync(meetingPlace).length < Number(participants)) await sleep(5)
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

function logged(inner: Executor): Executor {
  const { JOB_LOG: path } = process.env
  if (path === undefined) return inner
  const log = (what: string, key: string) => appendFileSync(path, `${what} ${key} ${process.pid}\n`)
  return {
    slots: inner.slots,
    execute: async (job, hooks) => {
      log('begin', job.key)
      const result = await inner.execute(job, hooks)
      log('end', job.key)
      return result
    },
    close: () => inner.close(),
  }
}

/** Starts two workers on the cache in argv[2] and prints their process numbers, as JSON and nothing else. Then it waits
 *  to be killed, or with argv[3] = 'return' returns without closing its pool.
 */
// Beside this program when both are built.
import { openCache, processPoolExecutor, run } from '../../src/index.ts'
import { report, wait } from '../dummy-operations.ts'

const [, , cacheDirectory = '', ending] = process.argv
const cache = await openCache(cacheDirectory)
const executor = processPoolExecutor({
  workerModule: new URL('./worker.mjs', import.meta.url),
  size: 2,
  cacheDirectory,
})
const pauses = ['a', 'b'].map((name) => wait.node({}, { name, milliseconds: 300 }))
const reports = ['one', 'two', 'three', 'four'].map((print) => report.node({}, { print }, { after: pauses }))
const result = await run(reports, { cache, executor })
const pids = [...new Set(reports.map((node) => result.artifact(node).value))]
process.stdout.write(`${JSON.stringify(pids)}\n`)
if (ending !== 'return') {
  await run([wait.node({}, { name: 'long', milliseconds: 60_000 })], { cache, executor })
}

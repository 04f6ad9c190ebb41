/** Serves the queue at argv[2] under the prefix argv[3], until SIGTERM: results go to the cache in argv[4], as to a
 *  server's; its own cache is in argv[5], and
 *  the program of its pool in argv[6]. Each event is a line of JSON on stdout: its type, and the key of its job.
 */
import { openCache, processPoolExecutor } from '@isthmus/dataflow'
import { DirectoryTier } from '@isthmus/dataflow/directory-tier'
import { serveQueue } from '../../src/index.ts'

const [, , queue = '', prefix = '', teamDirectory = '', cacheDirectory = '', workerModule = ''] = process.argv
const tier = new DirectoryTier(await openCache(teamDirectory))
const cache = await openCache(cacheDirectory, { tier })
const executor = processPoolExecutor({ workerModule, size: 1, cacheDirectory, otherCaches: cache.others })
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const print = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)
const served = serveQueue({
  queue,
  prefix,
  tier,
  cache,
  executor,
  signal: stop.signal,
  lockSeconds: 2,
  stopSeconds: 0.5,
  onEvent: (event) => {
    const key = 'job' in event ? event.job.key : 'key' in event ? event.key : undefined
    const error = 'error' in event ? event.error.message : undefined
    print({ type: event.type, key, error })
  },
})
await served.catch(({ message }: Error) => print({ type: 'gave-up', error: message }))
await executor.close()
cache.close()

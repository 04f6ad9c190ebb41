import { onTestFinished } from 'vitest'
import { inProcessExecutor, processPoolExecutor } from '../src/index.ts'
import { dummyOperations, dummyWorker, executorContract, temporaryCache } from './contract/index.ts'

executorContract('in this process', {
  isolates: false,
  make: async ({ slots }) => {
    const cache = await temporaryCache()
    return { cache, executor: inProcessExecutor(dummyOperations, cache, { slots }) }
  },
})

executorContract('a pool of processes', {
  isolates: true,
  make: async ({ slots, abortSeconds }) => {
    const cache = await temporaryCache()
    const executor = processPoolExecutor({
      ...dummyWorker,
      size: slots,
      abortSeconds,
      cacheDirectory: cache.directory,
    })
    onTestFinished(() => executor.close())
    return { cache, executor }
  },
})

import { openResults } from '../../src/index.ts'
import { oneOfEach } from '../sample-rows.ts'

/** A second process: opens the file named by its argument, ingests, says so, and holds the file until it is told. */
const results = await openResults(process.argv[2] as string)
await results.ingest(oneOfEach)
process.on('message', async () => {
  await results.close()
  process.disconnect()
})
process.send?.('holding')

import { openCache } from '@isthmus/dataflow'
import { Outbox, ServerUnavailableError, sendWaiting } from '@isthmus/remote'
import { UserError } from '@isthmus/tensor'
import { isthmusHome } from '../home.ts'
import { serverOf, type TeamOptions } from '../team.ts'

/** `isthmus sync`: send what runs could not give to a server while it was away. */
export async function syncCommand(options: TeamOptions & { readonly json?: boolean }): Promise<void> {
  const server = serverOf(options)
  if (server === undefined) throw new UserError('sync needs a server: isthmus sync --remote http://lab:7007')
  const { directory, cache: folder } = isthmusHome()
  const cache = await openCache(folder)
  try {
    const sent = await sendWaiting({ server, cache, outbox: new Outbox(directory, server.name) })
    const { records, blobs, bundles, disagreements, notices } = sent
    for (const notice of notices) process.stderr.write(`${notice}\n`)
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify({ records, blobs, bundles, disagreements }, null, 2)}\n`)
      return
    }
    const nothing = records === 0 && bundles === 0 && disagreements.length === 0
    process.stdout.write(
      nothing
        ? `nothing waits to be sent to ${server.name}\n`
        : `${server.name}: ${records} results with ${blobs} files, and the rows of ${bundles} runs given\n`,
    )
    for (const key of disagreements) {
      process.stdout.write(`it has another result for ${key}, which it keeps and has written down\n`)
    }
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error
    throw new UserError(`${error.message}; what was not sent still waits: try again when it answers`)
  } finally {
    cache.close()
  }
}

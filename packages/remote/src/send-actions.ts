import type { ActionRecord, Cache, Digest, WritableTier } from '@isthmus/dataflow'

/** A tier that can also say which records it lacks. */
export interface ActionStore extends WritableTier {
  missingActions(keys: readonly Digest[]): Promise<readonly Digest[]>
}

/** What became of records that were to be sent. */
export interface Sent {
  /** Records that the server did not have. */
  readonly records: number
  readonly blobs: number
  /** Keys of which the server has another value, which it keeps. */
  readonly disagreements: readonly Digest[]
}

/** The server writes down the records of a moment together. */
const [blobsAtOnce, recordsAtOnce] = [8, 64]

/** Give a server the records of keys, with their blobs, that it lacks and that are in a cache; others are passed over.
 *
 *  Blobs first, then the record: the server never has a record whose blobs it lacks. Doing it twice changes nothing.
 *  @throws as the server does.
 */
export async function sendActions(server: ActionStore, cache: Cache, keys: readonly Digest[]): Promise<Sent> {
  const missing = await server.missingActions([...new Set(keys)])
  const records = missing.flatMap((key) => cache.actions.of(key).find((record) => cache.isComplete(record)) ?? [])
  const blobs = await server.missing([...new Set(records.flatMap(({ output }) => Object.values(output.blobs)))])
  const disagreements: Digest[] = []
  await forEach(blobs, blobsAtOnce, async (blob) => server.upload(blob, await cache.blobs.path(blob)))
  await forEach(records, recordsAtOnce, async (record: ActionRecord) => {
    if (!(await server.publish(record))) disagreements.push(record.key)
  })
  return { records: records.length - disagreements.length, blobs: blobs.length, disagreements }
}

/** Do a task for each item, a few at once, and stop at the first failure. */
async function forEach<Item>(
  items: readonly Item[],
  atOnce: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  let failed = false
  const work = async () => {
    while (next < items.length && !failed) {
      try {
        await task(items[next++]!)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work))
}

import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusal.ts'

/** How fast content must come. */
export interface Pace {
  readonly windowMs: number
  /** In each window. */
  readonly bytes: number
}

/** The content of a request as it comes from the socket, as long as it comes.
 *
 *  It may take any time, if in each window some of it arrives. Time in which the reader is busy does not count.
 *  @throws {Refusal} with status 408 when less arrived.
 */
export async function* steadyContent(incoming: IncomingMessage, { windowMs, bytes }: Pace): AsyncIterable<Uint8Array> {
  // What comes from the socket directly: a web stream around it would take three times the processor's time.
  const chunks = incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>
  let arrived = 0
  let giveUp: ((reason: Refusal) => void) | undefined
  const timer = setInterval(() => {
    if (arrived < bytes) giveUp?.(tooSlow(`less than ${bytes} bytes came in ${windowMs / 1000} s`))
    arrived = 0
  }, windowMs)
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject
        chunks.next().then(resolve, reject)
      })
      giveUp = undefined
      if (next.done) return
      arrived += next.value.length
      yield next.value
    }
  } finally {
    clearInterval(timer)
  }
}

/** A request that comes too slowly; its sender may try again. */
export function tooSlow(what: string): Refusal {
  return new Refusal(408, 'unavailable', `the request came too slowly: ${what}`)
}

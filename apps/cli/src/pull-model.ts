import { CheckpointError, type PulledCheckpoint, pullCheckpoint } from '@isthmus/checkpoint'
import { pullProgress } from './pull-progress.ts'

/** A file that takes longer than this is shown on its way. */
const quietMilliseconds = 2000

/** Pulls models of the hub for studies, each once however many studies and variants name it.
 *
 *  What takes long is shown on a stream.
 *  @param signal Ends a download; what has arrived is kept.
 */
export function modelPuller(
  stream: NodeJS.WriteStream,
  signal: AbortSignal,
): (reference: string) => Promise<PulledCheckpoint> {
  const pulled = new Map<string, Promise<PulledCheckpoint>>()
  return (reference) => {
    const known = pulled.get(reference)
    if (known !== undefined) return known
    const show = pullProgress(stream, { prefix: `${reference}  `, after: quietMilliseconds })
    const pull = pullCheckpoint(reference, {
      onProgress(...progress) {
        show(...progress)
        if (signal.aborted) throw new CheckpointError(`${reference} is not complete: run again to go on with it`)
      },
    })
    pulled.set(reference, pull)
    return pull
  }
}

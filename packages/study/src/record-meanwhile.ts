import type { ResultRows } from '@isthmus/results'

/** Somewhere that rows are recorded while a run goes on. */
export interface Recorder {
  record(rows: ResultRows): Promise<void>
  /** Between two recordings at least; longer where recording takes more than a twentieth of that. */
  readonly intervalSeconds: number
}

/** Record from time to time what has finished, until told to stop.
 *
 *  @param read The rows so far; undefined where there are none that have not been recorded.
 *  @returns Stops: resolves once a recording that is under way has ended, and rejects with the error of one that failed.
 */
export function recordMeanwhile(
  { record, intervalSeconds }: Recorder,
  read: () => ResultRows | undefined,
): () => Promise<void> {
  let stop: () => void = () => undefined
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  const loop = async () => {
    let seconds = intervalSeconds
    while (await elapses(seconds, stopped)) {
      const start = performance.now()
      const rows = read()
      if (rows !== undefined) await record(rows)
      seconds = Math.max(intervalSeconds, (20 * (performance.now() - start)) / 1000)
    }
  }
  const looped = loop()
  looped.catch(() => undefined)
  return () => {
    stop()
    return looped
  }
}

/** Whether a time has passed before something else came. */
async function elapses(seconds: number, end: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), seconds * 1000)
  })
  try {
    return await Promise.race([passed, end.then(() => false)])
  } finally {
    clearTimeout(timer)
  }
}

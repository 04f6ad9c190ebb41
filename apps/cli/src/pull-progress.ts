import { formatBytes } from './format-bytes.ts'

/** Told for each file how many of its bytes are there, as `pullCheckpoint` tells it. */
export type PullProgress = (file: string, done: number, total: number) => void

export interface PullProgressOptions {
  /** What stands before the name of each file. */
  readonly prefix?: string
  /** Say nothing of a file that takes less, in milliseconds. Default 0. */
  readonly after?: number
}

/** Show a pull: a line for each file that has arrived; on a terminal, how far it is as well. */
export function pullProgress(
  stream: NodeJS.WriteStream,
  { prefix = '', after = 0 }: PullProgressOptions = {},
): PullProgress {
  const begun = new Map<string, number>()
  let shown = ''
  return (file, done, total) => {
    const start = begun.get(file) ?? performance.now()
    begun.set(file, start)
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total)
    const line = `${prefix}${file}  ${formatBytes(total)}  ${percent} %`
    if (line === shown || (stream.isTTY !== true && done < total) || performance.now() - start < after) return
    shown = line
    stream.write(`${stream.isTTY === true ? '\r\x1b[K' : ''}${line}${done < total ? '' : '\n'}`)
  }
}

import { countJobs, drainQueue, parseResourceClasses } from '@isthmus/executor-bullmq'
import { queueAddress } from '../choose-executor.ts'
import { formatRows } from '../format-rows.ts'

/** The options of `isthmus queue`. */
export interface QueueOptions {
  readonly queue?: string
  readonly json?: boolean
}

/** `isthmus queue status`. */
export async function statusCommand(options: QueueOptions): Promise<void> {
  const counts = await countJobs({ queue: queueAddress(options) })
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(counts, null, 2)}\n`)
    return
  }
  const columns = ['class', 'waiting', 'running', 'failed (a day)', 'workers']
  const rows = Object.entries(counts).map(([name, { waiting, running, failed, workers }]) => [
    ...[name, waiting, running, failed, workers],
  ])
  process.stdout.write(formatRows({ columns, rows }, 'table'))
}

/** `isthmus queue drain`. */
export async function drainCommand(options: QueueOptions & { readonly classes?: string }): Promise<void> {
  const classes = options.classes === undefined ? undefined : parseResourceClasses(options.classes.split(','))
  const removed = await drainQueue({ queue: queueAddress(options) }, classes)
  process.stdout.write(`${removed} jobs removed that were waiting; those that run go on to their end\n`)
}

import { recordRows } from '@isthmus/results'
import { isthmusHome } from './home.ts'

/** Take in rows that an earlier run could not write, and say so. */
export async function ingestWaiting(): Promise<void> {
  const { notices } = await recordRows(isthmusHome().directory, {})
  for (const notice of notices) process.stderr.write(`${notice}\n`)
}

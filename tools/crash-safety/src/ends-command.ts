import Table from 'cli-table3'
import { tryEnds } from './ends.ts'

/** `crash-safety ends`: prints a table, and sets the exit code 1 when a process is left or a code is another. */
export async function endsCommand(): Promise<void> {
  const head = ['end', 'exit code', 'processes left', 'zombies', 'files left']
  const table = new Table({ head, style: { head: [], border: [], compact: true } })
  const unexpected: string[] = []
  for await (const { end, code, expectedCode, running, zombies, leftOvers, said } of tryEnds()) {
    table.push([end, code ?? 'killed', running, zombies, leftOvers])
    const mayLeaveFiles = code === null
    if (code === expectedCode && running + zombies === 0 && (leftOvers === 0 || mayLeaveFiles)) continue
    unexpected.push(`${end}: ${said}`)
  }
  process.stdout.write(`${table.toString()}\n(what a killed run leaves, the next one removes)\n`)
  for (const text of unexpected) process.stdout.write(`\n${text}`)
  if (unexpected.length > 0) process.exitCode = 1
}

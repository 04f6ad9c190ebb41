import Table from 'cli-table3'
import { type LongRunReport, watchLongRun } from './long-run.ts'

/** What a process may grow by with each job: less than one tensor of a model takes. The parent keeps a record of each job,
 *  and allocators grow in steps of some megabytes.
 */
const maximumBytesPerJob = 64 * 1024
/** A job that runs at the moment has files open. */
const maximumAddedFiles = 2

/** `crash-safety long-run`: prints the curve, and sets the exit code 1 when a process grows, or one is left. */
export async function longRunCommand(options: { jobs: string; every: string }): Promise<void> {
  const report = await watchLongRun(Number(options.jobs), Number(options.every))
  process.stdout.write(`${curve(report)}\n`)
  let isHealthy = report.code === 0 && report.left === 0
  for (const { name, bytesPerJob, addedFiles } of report.health) {
    process.stdout.write(
      `${name}: ${(bytesPerJob / 1024).toFixed(1)} KiB a job, ${addedFiles} open files more in the second half\n`,
    )
    isHealthy &&= bytesPerJob <= maximumBytesPerJob && addedFiles <= maximumAddedFiles
  }
  process.stdout.write(
    `${report.jobs} jobs, exit code ${report.code}, ${report.left} processes left; ` +
      `allowed: ${maximumBytesPerJob / 1024} KiB a job, ${maximumAddedFiles} open files, no process left\n`,
  )
  if (!isHealthy) process.exitCode = 1
}

function curve({ samples }: LongRunReport): string {
  const head = ['jobs', 'resident size in MB: parent, workers', 'open files: parent, workers']
  const table = new Table({ head, colAligns: ['right'], style: { head: [], border: [], compact: true } })
  for (const { jobs, processes } of samples) {
    const megabytes = processes.map(({ residentBytes }) => (residentBytes / 1e6).toFixed(0))
    table.push([jobs, megabytes.join('  '), processes.map(({ openFiles }) => openFiles).join('  ')])
  }
  return table.toString()
}

import { disturbances } from './disturbance.ts'
import { killAndResume } from './kill-and-resume.ts'

const kinds = { parent: 'parent killed', worker: 'worker killed', both: 'all killed', disk: 'disk full' }

/** `crash-safety kill`: prints figures, and sets the exit code 1 when anything was lost or left. */
export async function killCommand(options: { kills: string; seed: string; sideBySide: string }): Promise<void> {
  const { kills, seed, sideBySide } = options
  const start = performance.now()
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  let done = 0
  const report = await killAndResume(
    { kills: Number(kills), seed: Number(seed), sideBySide: Number(sideBySide), signal: abort.signal },
    () => {
      done += 1
      process.stderr.write(`\r${done} of ${kills}`)
    },
  )
  const minutes = (performance.now() - start) / 60_000
  process.stdout.write(
    `\n${disturbances.map((kind) => `${kinds[kind]} ${report.disturbed[kind]}`).join(', ')}; ` +
      `${minutes.toFixed(1)} min${abort.signal.aborted ? ', interrupted' : ''}\n` +
      `${report.compared} finished runs of ${report.results} results and ${report.rows} rows compared: ` +
      `${report.differing.length} differing digests, ${report.differingRows} differing or lost rows, ` +
      `${report.faults} faults in the caches, ${report.leftOvers.length} files left behind, ` +
      `${report.badEnds.length} bad ends\n`,
  )
  if (!report.canFillDisk) process.stdout.write('no disk was filled: mounting a small one needs to be root\n')
  for (const text of new Set([...report.leftOvers, ...report.badEnds])) process.stdout.write(`${text}\n`)
  const bad =
    report.differing.length + report.differingRows + report.faults + report.leftOvers.length + report.badEnds.length
  if (bad > 0) process.exitCode = 1
}

import { runAtOnce } from './at-once.ts'

/** `crash-safety at-once`: prints figures, and sets the exit code 1 when work was done twice or results differ. */
export async function atOnceCommand(options: { processes: string; kill?: boolean }): Promise<void> {
  const report = await runAtOnce({ processes: Number(options.processes), kill: options.kill === true })
  const { computed, computedByKilled, results, doubled, overlapping } = report
  const { differing, differingRows, faults, leftOvers, exitCodes } = report
  process.stdout.write(
    `${options.processes} runs at once on one cache: ${computed.join(' + ')} jobs computed` +
      `${computedByKilled === undefined ? '' : `, and ${computedByKilled} by one that was killed half-way,`} ` +
      `for ${results} results\n` +
      `${doubled.length} keys computed twice, ${overlapping.length} of them at the same time; ` +
      `exit codes ${exitCodes.join(', ')}\n` +
      `against an undisturbed run: ${differing.length} differing digests, ${differingRows} differing or lost rows, ` +
      `${faults} faults in the cache, ${leftOvers.length} files left behind\n`,
  )
  const bad = doubled.length + overlapping.length + differing.length + differingRows + faults + leftOvers.length
  if (bad > 0 || exitCodes.some((code) => code !== 0)) process.exitCode = 1
}

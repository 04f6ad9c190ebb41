import { Command } from 'commander'
import { killAndResume, smallStudy } from './kill-and-resume.ts'

const program = new Command('crash-safety')
  .description('Kill a small study with SIGKILL at random moments, run it again each time, and compare the results.')
  .option('--kills <number>', 'how many times', '10')
  .option('--seed <number>', 'of the random moments', '1')
  .parse()
const { kills, seed } = program.opts<{ kills: string; seed: string }>()
const report = await killAndResume({ kills: Number(kills), seed: Number(seed), study: smallStudy }, (done) => {
  process.stderr.write(`\r${done} of ${kills} kills`)
})
process.stdout.write(
  `\n${report.kills} kills, ${report.compared} finished caches of ${report.results} results compared: ` +
    `${report.differing.length} differing digests, ${report.faults} faults in the caches\n`,
)
if (report.differing.length + report.faults > 0) process.exitCode = 1

import { Command } from 'commander'
import { disturbances } from './disturbance.ts'
import { killAndResume, smallStudy } from './kill-and-resume.ts'

const program = new Command('crash-safety')
  .description(
    'Kill a small study, or fill its disk, at random moments; run it again each time, and compare the results.',
  )
  .option('--kills <number>', 'how many times', '10')
  .option('--seed <number>', 'of the random moments', '1')
  .parse()
const { kills, seed } = program.opts<{ kills: string; seed: string }>()
const report = await killAndResume({ kills: Number(kills), seed: Number(seed), study: smallStudy }, (done) => {
  process.stderr.write(`\r${done} of ${kills}`)
})
const kinds = { parent: 'parent killed', worker: 'worker killed', both: 'all killed', disk: 'disk full' }
process.stdout.write(
  `\n${disturbances.map((kind) => `${kinds[kind]} ${report.disturbed[kind]}`).join(', ')}\n` +
    `${report.compared} finished runs of ${report.results} results and ${report.rows} rows compared: ` +
    `${report.differing.length} differing digests, ${report.differingRows} differing or lost rows, ` +
    `${report.faults} faults in the caches, ${report.leftOvers.length} files left behind, ` +
    `${report.unexplained.length} full disks without a sentence\n`,
)
if (!report.canFillDisk) process.stdout.write('no disk was filled: mounting a small one needs to be root\n')
for (const text of [...report.leftOvers, ...report.unexplained].slice(0, 5)) process.stdout.write(`${text}\n`)
const bad =
  report.differing.length + report.differingRows + report.faults + report.leftOvers.length + report.unexplained.length
if (bad > 0) process.exitCode = 1

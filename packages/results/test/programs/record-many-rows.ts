import { recordRows } from '../../src/index.ts'
import { curvePoint, studyRun } from '../sample-rows.ts'

/** A process that records more than its limit on file sizes lets it write, into the home folder of its argument. */
process.on('SIGXFSZ', () => undefined)
const curvePoints = Array.from({ length: 20_000 }, (_, index) =>
  curvePoint({ run: 'many', lam: index / 20_000, digest: `${Math.sin(index)}`.repeat(8) }),
)
try {
  console.log(await recordRows(process.argv[2] as string, { studyRuns: [studyRun({ run: 'many' })], curvePoints }))
} catch (error) {
  console.log(String(error))
}

/** Two BERT-base models of random weights, stored as the MultiBERTs are, through the whole study `components` at one λ and
 *  on one batch.
 *
 *  Prints the time, and the peak of the memory of all processes together. Needs Linux, for /proc.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { residentBytes } from './peak-memory.ts'
import { saveRandomBert } from './random-bert.ts'

const workspace = resolve(import.meta.dirname, '../../..')
const folder = await mkdtemp(join(tmpdir(), 'isthmus-bert-base-'))
try {
  for (const seed of [1, 2]) {
    await saveRandomBert(join(folder, `seed-${seed}`), seed, join(workspace, 'datasets/models/seed-1'))
  }
  const settings = [
    `family=${folder}`,
    'seeds=1,2',
    'lambdas=[0,0.5,1]',
    'alignment.fraction=0.002',
    'evaluation.blocks=16',
  ]
  const start = performance.now()
  const run = spawn(
    process.execPath,
    [
      join(workspace, 'apps/cli/bin/isthmus.mjs'),
      'run',
      'components',
      ...settings.flatMap((setting) => ['--set', setting]),
    ],
    { env: { ...process.env, ISTHMUS_HOME: join(folder, 'home') }, stdio: 'inherit' },
  )
  let peak = 0
  const poll = setInterval(() => {
    peak = Math.max(peak, residentBytes(run.pid!))
  }, 100)
  const code = await new Promise<number | null>((done) => run.once('exit', done))
  clearInterval(poll)
  process.stdout.write(
    `BERT-base pair, 2 × 110 M parameters: exit ${code}, ${((performance.now() - start) / 1000).toFixed(0)} s, ` +
      `peak memory of all processes ${(peak / 1e9).toFixed(2)} GB\n`,
  )
  process.exitCode = code ?? 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

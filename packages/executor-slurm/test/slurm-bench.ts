import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cache, Executor } from '@isthmus/dataflow'
import { temporaryCache, temporaryDirectory } from '@isthmus/dataflow/executor-contract'
import { onTestFinished } from 'vitest'
import { type SlurmEvent, type SlurmExecutorOptions, slurmExecutor } from '../src/index.ts'
import { testProgram } from './test-program.ts'

const commands = ['sbatch', 'squeue', 'sacct', 'scancel']
const fake = fileURLToPath(new URL('./fake-slurm.mjs', import.meta.url))

/** A fake Slurm of a test's own, and an executor over an empty cache. */
export interface SlurmBench {
  readonly cache: Cache
  readonly executor: Executor
  readonly events: SlurmEvent[]
  /** The folder of the fake's state. */
  readonly slurm: string
  /** Let the next tasks end in states, without being run. */
  decide(...states: string[]): void
  /** What the tasks that were submitted asked for, in their order. */
  submitted(): { readonly id: string; readonly memory?: string }[]
}

/** Make one; all of it ends with the test. The commands are found by PATH, as real ones are. */
export async function slurmBench(options: Partial<SlurmExecutorOptions> = {}): Promise<SlurmBench> {
  const slurm = temporaryDirectory()
  installCommands(slurm)
  const cache = await temporaryCache()
  const events: SlurmEvent[] = []
  const executor = await slurmExecutor({
    cacheDirectory: cache.directory,
    command: [process.execPath, '--enable-source-maps', testProgram('run-job')],
    batchSeconds: 0.05,
    pollSeconds: 0.2,
    settleSeconds: 0.3,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => executor.close())
  return {
    cache,
    executor,
    events,
    slurm,
    decide: (...states) => writeFileSync(join(slurm, 'fate.json'), JSON.stringify(states)),
    submitted: () => readTasks(slurm),
  }
}

function installCommands(slurm: string): void {
  const bin = join(slurm, 'bin')
  mkdirSync(bin)
  for (const name of commands) {
    const path = join(bin, name)
    writeFileSync(path, `#!/bin/sh\nFAKE_SLURM='${slurm}' exec '${process.execPath}' '${fake}' ${name} "$@"\n`)
    chmodSync(path, 0o755)
  }
  const { PATH } = process.env
  process.env.PATH = `${bin}:${PATH}`
  onTestFinished(() => {
    process.env.PATH = PATH
  })
}

function readTasks(slurm: string): { readonly id: string; readonly memory?: string }[] {
  const tasks: { readonly id: string; readonly memory?: string }[] = []
  for (let job = 101; existsSync(join(slurm, `task-${job}_0.json`)); job++) {
    for (let task = 0; existsSync(join(slurm, `task-${job}_${task}.json`)); task++) {
      tasks.push(JSON.parse(readFileSync(join(slurm, `task-${job}_${task}.json`), 'utf8')))
    }
  }
  return tasks
}

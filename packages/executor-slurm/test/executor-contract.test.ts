import { executorContract } from '@isthmus/dataflow/executor-contract'
import { slurmBench } from './slurm-bench.ts'

/** Against a fake of Slurm's commands: see `fake-slurm.mjs`. */
executorContract('array jobs of a fake Slurm', { isolates: true, make: () => slurmBench() })

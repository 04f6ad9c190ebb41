export { runJobFile } from './run-job-file.ts'
export { type SlurmEvent, type SlurmExecutorOptions, slurmExecutor } from './slurm-executor.ts'

import { runJobFile } from '@isthmus/executor-slurm'
import { studyOperations } from '@isthmus/study'

/** `isthmus job`: what a task of an array job runs. */
export async function jobCommand(path: string): Promise<void> {
  if (!(await runJobFile(path, studyOperations))) process.exitCode = 1
}

/** Runs the job in the file argv[2] with the dummy operations, as a task of an array job. */
import { dummyOperations } from '@isthmus/dataflow/executor-contract'
import { runJobFile } from '../../src/index.ts'

const done = await runJobFile(process.argv[2]!, dummyOperations)
process.exit(done ? 0 : 1)

/** Runs the job in the file argv[2] with the dummy operations, as a task of an array job. */
// Not by the suite, which would load the test runner into every task.
import { dummyOperations } from '@isthmus/dataflow/dummy-operations'
import { runJobFile } from '../../src/index.ts'

const done = await runJobFile(process.argv[2]!, dummyOperations)
process.exit(done ? 0 : 1)

import { createHash } from 'node:crypto'
import { openBackend } from '../src/gradients.ts'
import { startTraining } from './train-steps.ts'

/** Prints the digest of all weights after some steps on a backend: what fresh processes are compared by. */
await openBackend(process.argv[2]!)
const training = startTraining()
for (let step = 0; step < 5; step++) training.step()
const hash = createHash('sha256')
for (const values of training.weights()) hash.update(values)
process.stdout.write(hash.digest('hex'))

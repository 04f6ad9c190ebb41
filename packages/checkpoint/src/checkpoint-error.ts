import { UserError } from '@isthmus/tensor'

/** A checkpoint cannot be read or written; the message names the file, and the tensor where there is one. */
export class CheckpointError extends UserError {
  override readonly name = 'CheckpointError'
}

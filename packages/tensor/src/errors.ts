/** An error that the user can mend: the command line prints its message as it is, without a stack trace. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
}

/** A value has another shape than what it is used for needs; the message gives both. */
export class ShapeError extends UserError {
  override readonly name = 'ShapeError'
}

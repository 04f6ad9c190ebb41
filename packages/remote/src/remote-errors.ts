/** A server could not be reached, or could not answer just now: the same may work later. */
export class ServerUnavailableError extends Error {
  override readonly name = 'ServerUnavailableError'
}

/** Wait for what is sent over a network: what fails below HTTP is a host that cannot be reached.
 *
 *  @param name Of the host, for people.
 *  @throws {ServerUnavailableError} then; what the file system throws when it is full.
 */
export async function reached<Result>(name: string, sent: Promise<Result>): Promise<Result> {
  try {
    return await sent
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error
    const { cause = error } = error as Error
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
    throw new ServerUnavailableError(`${name} cannot be reached: ${reason}`, { cause: error })
  }
}

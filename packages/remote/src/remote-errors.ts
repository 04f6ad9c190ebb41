/** A server could not be reached, or could not answer just now: the same may work later. */
export class ServerUnavailableError extends Error {
  override readonly name = 'ServerUnavailableError'
}

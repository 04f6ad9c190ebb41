import type { Problem } from '@isthmus/remote'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** A request is not done, and the client is told why. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: ContentfulStatusCode
  readonly problem: Problem

  /** @param message One sentence for people.
   *  @param missing Blobs that have to be given first.
   */
  constructor(status: ContentfulStatusCode, error: Problem['error'], message: string, missing?: Problem['missing']) {
    super(message)
    this.status = status
    this.problem = { error, message, ...(missing === undefined ? {} : { missing }) }
  }
}

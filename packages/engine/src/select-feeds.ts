import { UserError } from '@isthmus/tensor'
import type { Feeds, Program } from './engine.ts'

/** Take what a program reads out of what a batch has to offer: a batch of text has token types, which not every
 *  architecture knows.
 *
 *  @throws {UserError} naming an input that the batch lacks, with what it has.
 */
export function selectFeeds({ inputs }: Pick<Program, 'inputs'>, batch: Feeds): Feeds {
  return Object.fromEntries(
    inputs.map((name) => {
      const fed = batch[name]
      if (fed !== undefined) return [name, fed]
      throw new UserError(
        `the model reads '${name}', but the data holds ${Object.keys(batch).join(', ') || 'nothing'}; ` +
          'give it data of the kind that it was trained on',
      )
    }),
  )
}

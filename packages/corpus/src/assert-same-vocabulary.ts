import { UserError } from '@isthmus/tensor'
import type { Tokenizer } from './open-tokenizer.ts'

/** Check that token ids mean the same to two models: same size, same token at every id.
 *
 *  @throws {UserError} naming both files and the first id that differs.
 */
export function assertSameVocabulary(
  a: Pick<Tokenizer, 'file' | 'vocabulary'>,
  b: Pick<Tokenizer, 'file' | 'vocabulary'>,
): void {
  const size = Math.max(a.vocabulary.length, b.vocabulary.length)
  for (let id = 0; id < size; id++) {
    if (a.vocabulary[id] === b.vocabulary[id]) continue
    const [left, right] = [a, b].map(({ vocabulary }) => (id < vocabulary.length ? `'${vocabulary[id]}'` : 'no token'))
    throw new UserError(
      `the vocabularies of ${a.file} (${a.vocabulary.length} tokens) and ${b.file} (${b.vocabulary.length} tokens) ` +
        `differ, first at id ${id}: ${left} and ${right}; choose two models that were trained with the same vocabulary`,
    )
  }
}

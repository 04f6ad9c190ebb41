/** The genres that passages are told apart by. */
export const genres = ['comedy', 'novel', 'scripture', 'speech', 'tragedy'] as const
export type Genre = (typeof genres)[number]

/** Shakespeare's comedies and tragedies by the First Folio (1623). Its catalogue lacks Troilus and Cressida, which it prints
 *  among the tragedies.
 */
const folio: Readonly<Partial<Record<Genre, readonly string[]>>> = {
  comedy: [
    'alls-well-that-ends-well',
    'as-you-like-it',
    'comedy-of-errors',
    'loves-labours-lost',
    'measure-for-measure',
    'merchant-of-venice',
    'merry-wives-of-windsor',
    'midsummer-nights-dream',
    'much-ado-about-nothing',
    'taming-of-the-shrew',
    'tempest',
    'twelfth-night',
    'two-gentlemen-of-verona',
    'winters-tale',
  ],
  tragedy: [
    'antony-and-cleopatra',
    'coriolanus',
    'cymbeline',
    'hamlet',
    'julius-caesar',
    'lear',
    'macbeth',
    'othello',
    'romeo-and-juliet',
    'timon-of-athens',
    'tragedy-of-titus-andronicus',
    'troilus-and-cressida',
  ],
}

const genreOfFolder: Readonly<Record<string, Genre>> = {
  novels: 'novel',
  scripture: 'scripture',
  speeches: 'speech',
}

/** The genre of a book of `datasets/books`, by its name `{folder}/{book}.txt`: of plays comedy or tragedy.
 *
 *  @returns null for the histories, which are of both kinds, for the poems, and for Pericles, which is not in the Folio.
 */
export function genreOfBook(name: string): Genre | null {
  const [folder, file] = name.split('/') as [string, string]
  if (folder !== 'plays') return genreOfFolder[folder] ?? null
  const play = file.replace(/^shakespeare-/, '').replace(/\.txt$/, '')
  return genres.find((genre) => folio[genre]?.includes(play)) ?? null
}

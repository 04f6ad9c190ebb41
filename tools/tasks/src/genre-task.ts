import { readFile } from 'node:fs/promises'
import { type Books, randomStream, sampleWithoutReplacement } from '@isthmus/corpus'
import { type Genre, genreOfBook, genres } from './book-genres.ts'
import type { LabelledText, MadeTask } from './made-task.ts'
import { cutPassages } from './passages.ts'

/** Passages of each genre, by split. */
const passagesPerGenre = { train: 600, dev: 150 } as const
/** The share of a genre's books that passages of `dev` are drawn from. */
const devShare = 0.25

/** Make the task of telling a passage's genre: comedy, novel, scripture, speech, tragedy.
 *
 *  As many passages of each genre, in an order that is drawn from the seed.
 */
export async function genreTask(books: Books, seed: number): Promise<MadeTask> {
  const drawn = await Promise.all(genres.map((genre) => drawPassages(books, genre, seed)))
  const train = drawn.flatMap((own) => own.train)
  const dev = drawn.flatMap((own) => own.dev)
  return {
    id: 'genre',
    title: 'Genre of a passage',
    columns: ['book', 'passage', 'genre'],
    classes: genres,
    metrics: ['accuracy'],
    reference: 'made from datasets/books',
    train: shuffled(train, seed, 'train'),
    dev: shuffled(dev, seed, 'dev'),
    about,
  }
}

/** Draw the passages of one genre, which do not depend on the other genres.
 *
 *  A quarter of its books, drawn from the seed, is kept for `dev`; passages are drawn without replacement from all those of
 *  its books in a split.
 */
export async function drawPassages(
  books: Books,
  genre: Genre,
  seed: number,
): Promise<Record<'train' | 'dev', LabelledText[]>> {
  const own = Object.keys(books)
    .filter((name) => genreOfBook(name) === genre)
    .sort()
  const devCount = Math.max(1, Math.round(devShare * own.length))
  const isDev = new Set(sampleWithoutReplacement(randomStream(seed, 'books', genre), own.length, devCount))
  const draw = async (split: 'train' | 'dev') => {
    const names = own.filter((_, i) => isDev.has(i) === (split === 'dev'))
    const passages = (await Promise.all(names.map((name) => passagesOf(name, books[name]!, genre)))).flat()
    const count = passagesPerGenre[split]
    const drawn = sampleWithoutReplacement(randomStream(seed, 'passages', genre, split), passages.length, count)
    return Array.from(drawn, (i) => passages[i]!)
  }
  return { train: await draw('train'), dev: await draw('dev') }
}

async function passagesOf(name: string, path: string, genre: string): Promise<LabelledText[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '')
  return cutPassages(lines.map((line) => line.trim())).map((text) => ({ source: name, text, label: genre }))
}

/** Rows in an order that is drawn from the seed. */
export function shuffled<Row>(rows: readonly Row[], seed: number, purpose: string): Row[] {
  const order = sampleWithoutReplacement(randomStream(seed, 'order', purpose), rows.length, rows.length)
  return Array.from(order, (i) => rows[i]!)
}

const about = {
  what: `Of which genre is a passage of 50 to 80 words: comedy, tragedy (Shakespeare's plays, as the First Folio divides them),
novel, scripture or speech? No book is in both splits: a quarter of each genre's books, drawn from seed 0, is kept for
\`dev.tsv\`. Passages are as many of each genre. Were plays one genre, counting words would do; told apart, they are what is
hard about it. The histories, which are of both kinds, are left out.

The models that ship were pretrained on all of these books, without genres: the passages of \`dev.tsv\` are new to a
classifier, not to its language model.`,
  how: `Passages are whole sentences that follow each other. What would give a genre away without its words is gone: headings,
lists of persons, the names of speakers before what they say, stage directions and other brackets, quotation marks; words
in capitals are written as names are, and all dashes alike.`,
  licence: `The texts are in the public domain; [\`datasets/books\`](../../books/README.md) says which packages they came with.`,
}

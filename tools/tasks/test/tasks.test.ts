import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listBooks } from '@isthmus/corpus'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { genreOfBook, genres } from '../src/book-genres.ts'
import { drawPassages } from '../src/genre-task.ts'
import { type LabelledText, shippedSeed } from '../src/made-task.ts'
import { naiveBayes } from '../src/naive-bayes.ts'
import { withoutNearDuplicates } from '../src/near-duplicates.ts'
import { cutPassages, proseLines } from '../src/passages.ts'
import { taskFiles } from '../src/task-files.ts'

const datasets = join(import.meta.dirname, '../../../datasets')

async function shippedRows(task: string, split: string): Promise<LabelledText[]> {
  const [, ...lines] = (await readFile(join(datasets, `tasks/${task}/${split}.tsv`), 'utf8')).trimEnd().split('\n')
  return lines.map((line) => {
    const [source, text, label] = line.split('\t') as [string, string, string]
    return { source, text, label }
  })
}

describe('genre', () => {
  it('has the rows of tragedies that are drawn again, and no book in both splits', async () => {
    const books = await listBooks(join(datasets, 'books'))
    const drawn = await drawPassages(books, 'tragedy', shippedSeed)
    const [train, dev] = [await shippedRows('genre', 'train'), await shippedRows('genre', 'dev')]
    for (const [rows, own] of [
      [train, drawn.train],
      [dev, drawn.dev],
    ] as const) {
      const lines = rows.filter(({ label }) => label === 'tragedy').map((row) => JSON.stringify(row))
      expect(lines.sort()).toEqual(own.map((row) => JSON.stringify(row)).sort())
    }
    const trained = new Set(train.map(({ source }) => source))
    expect(dev.filter(({ source }) => trained.has(source))).toEqual([])
    for (const genre of genres) {
      expect(train.filter(({ label }) => label === genre)).toHaveLength(600)
      expect(dev.filter(({ label }) => label === genre)).toHaveLength(150)
    }
    const other = await drawPassages(books, 'tragedy', shippedSeed + 1)
    expect(other.dev).not.toEqual(drawn.dev)
  })

  it('has a genre for every book but histories, poems and Pericles', async () => {
    const names = Object.keys(await listBooks(join(datasets, 'books')))
    const without = names.filter((name) => genreOfBook(name) === null).map((name) => name.slice(18, -4))
    const histories = without.filter((name) => /^(henry|richard|john)/.test(name))
    expect(histories).toHaveLength(10)
    expect(without.filter((name) => !histories.includes(name))).toEqual([
      'lovers-complaint',
      'passionate-pilgrim',
      'pericles',
      'phoenix-and-the-turtle',
      'rape-of-lucrece',
      'sonnets',
    ])
    const plays = names.filter((name) => name.startsWith('plays/')).map(genreOfBook)
    expect(['comedy', 'tragedy'].map((genre) => plays.filter((own) => own === genre).length)).toEqual([14, 12])
  })
})

describe('proseLines', () => {
  it('leaves nothing of the layout of a play', () => {
    const speeches = Array.from({ length: 5 }, (_, i) => `Ham. To be, or not ${i}?`)
    const play = [
      'THE TRAGEDY',
      'Persons represented.',
      'HAMLET, Prince of Denmark.',
      'ACT I.',
      'Scene I. A platform.',
      '[Enter Hamlet.]',
      ...speeches,
      'FIRST LORD. My lord, the LORD [kneels] is here.',
      'Well. That is all.',
      'Exeunt.',
    ]
    expect(proseLines(play)).toEqual([
      ...speeches.map((line) => line.slice(5)),
      'My lord, the Lord is here.',
      'Well. That is all.',
    ])
  })

  it('writes quotation marks, dashes and chapters of novels away', () => {
    expect(proseLines(['CHAPTER 2. The Carpet-Bag.', '“So,” said he—“it’s _that_--NO more.”', 'II'])).toEqual([
      "So, said he - it's that - No more.",
    ])
  })
})

describe('cutPassages', () => {
  it('cuts 50 to 80 words in their order, and leaves out at most the last', () => {
    const word = fc.constantFrom('go', 'and', 'come.', 'Why?', 'stay,')
    const property = fc.property(
      fc.array(fc.array(word, { minLength: 1, maxLength: 90 }), { maxLength: 8 }),
      (lines) => {
        const passages = cutPassages(lines.map((line) => `so ${line.join(' ')}`)).map((passage) => passage.split(' '))
        for (const words of passages) {
          expect(words.length).toBeGreaterThanOrEqual(50)
          expect(words.length === 80 || /[.?]$/.test(words.at(-1)!)).toBe(true)
          expect(words.slice(49, -1).some((own) => /[.?]$/.test(own))).toBe(false)
        }
        const all = lines.flatMap((line) => ['so', ...line])
        const cut = passages.flat()
        expect(cut).toEqual(all.slice(0, cut.length))
        expect(all.length - cut.length).toBeLessThan(80)
      },
    )
    expect(() => fc.assert(property)).not.toThrow()
  })
})

describe('withoutNearDuplicates', () => {
  const item = (text: string, label = 'ham') => ({ text, label })

  it('keeps the first of what shares half of its runs of four words, and groups are closed', () => {
    // 10 words have 7 runs; where the last is another, 6 are shared of 8, where five are, 2 of 12.
    const words = 'a b c d e f g h i j'.split(' ')
    const first = item(words.join(' '))
    const near = item([...words.slice(0, 9), 'x'].join(' ').toUpperCase())
    const far = item([...words.slice(0, 5), 'v', 'w', 'x', 'y', 'z'].join(' '))
    expect(withoutNearDuplicates([first, near, far])).toEqual([first, far])
    const chain = [0, 2, 4].map((start) => item(Array.from({ length: 14 }, (_, i) => `w${start + i}`).join(' ')))
    expect(withoutNearDuplicates([chain[0]!, chain[2]!])).toHaveLength(2)
    expect(withoutNearDuplicates(chain)).toEqual([chain[0]])
  })

  it('leaves out what is labelled both ways, and compares short texts whole', () => {
    expect(withoutNearDuplicates([item('one two'), item('one two', 'spam'), item('one three')])).toEqual([
      item('one three'),
    ])
  })

  it('finds none in the mails that ship', async () => {
    const rows = [await shippedRows('spam', 'train'), await shippedRows('spam', 'dev')]
    expect(rows.map(({ length }) => length)).toEqual([2561, 640])
    expect(withoutNearDuplicates(rows.flat())).toHaveLength(3201)
  })
})

describe('naiveBayes', () => {
  it('weighs words and priors as the equation says', () => {
    const training = [
      { text: 'win money', label: 'spam' },
      { text: 'win', label: 'spam' },
      { text: 'hello you there', label: 'ham' },
    ]
    const classify = naiveBayes(training, ['ham', 'spam'])
    // Five words are known. hello: ham 1/3 · 2/8, spam 2/3 · 1/8, equal; hello you: ham 1/3 · 4/64, spam 2/3 · 1/64.
    expect([classify('hello you'), classify('Win!'), classify('unseen'), classify('you win win')]).toEqual([0, 1, 1, 1])
  })
})

describe('taskFiles', () => {
  const row = { source: 's', text: 't', label: 'a' }
  const task = {
    id: 'own',
    title: 'Own',
    columns: ['from', 'text', 'label'],
    classes: ['a', 'b'],
    metrics: ['accuracy'],
    reference: 'nowhere',
    train: [row],
    dev: [row, { ...row, label: 'b' }],
    about: { what: 'What?', how: 'How.', licence: 'None.' },
  } as const

  it('are tables, what opens them, and what is reached without a transformer', () => {
    const files = taskFiles(task)
    expect(files['dev.tsv']).toBe('from\ttext\tlabel\ns\tt\ta\ns\tt\tb\n')
    expect(JSON.parse(files['task.json']!)).toEqual({
      title: 'Own',
      sentences: ['text'],
      label: 'label',
      classes: ['a', 'b'],
      metrics: ['accuracy'],
      reference: 'nowhere',
    })
    expect(files['README.md']).toContain(
      '| always the most frequent class | 0.500 |\n| naive Bayes on bags of words | 0.500 |',
    )
    expect(files['README.md']).toContain('| `train.tsv` | 1 | 1 | 0 | 22 |')
  })

  it('hold no field with a tab', () => {
    expect(() => taskFiles({ ...task, train: [{ ...row, text: 'a\tb' }] })).toThrow(
      'a field holds a tab or a line break: "a\\tb"',
    )
  })
})

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { glueTasks, listTaskFiles, openTask, readTaskRows, type TextTask } from '../src/index.ts'
import { datasetPath } from './shipped-data.ts'

let root: string
let folders = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tasks-'))
})

afterAll(() => rm(root, { recursive: true }))

/** A new folder named for a task, with files of these texts. */
async function folderOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(root, String(folders++), name)
  await mkdir(folder, { recursive: true })
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text)
  return folder
}

/** Write what a query gives as parquet. */
async function writeQuery(path: string, query: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`copy (${query}) to '${path}' (format parquet)`)
  connection.closeSync()
  instance.closeSync()
}

function glueTask(id: string): TextTask {
  return glueTasks.find((task) => task.id === id)!
}

async function readSplit(folder: string, split: 'train' | 'validation', task?: TextTask) {
  const own = task ?? (await openTask(folder))
  return readTaskRows(await listTaskFiles(folder, own, split), own)
}

/** A line of names and two rows of each task's TSV files, as GLUE publishes them, with the labels that the rows have. */
const published: Readonly<
  Record<string, { readonly folder: string; readonly file: string; readonly text: string; readonly rows: unknown }>
> = {
  'mnli-mm': {
    folder: 'MNLI',
    file: 'dev_mismatched.tsv',
    text:
      'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\t' +
      'sentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n' +
      '0\t1\t1c\tletters\t( ( a ) )\t( b )\t(ROOT (X a))\t(ROOT (X b))\tYour gift.\tGoodwill.\tneutral\t\t\t\t\tcontradiction\n' +
      '1\t2\t2e\tverbatim\t( a )\t( b )\t(ROOT)\t(ROOT)\tA "quoted.\tB\tneutral\t\t\t\t\tneutral\n',
    rows: [
      { sentences: ['Your gift.', 'Goodwill.'], label: 2 },
      { sentences: ['A "quoted.', 'B'], label: 1 },
    ],
  },
  qqp: {
    folder: 'QQP',
    file: 'dev.tsv',
    text:
      'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n' +
      '133273\t213221\t213222\tHow is it?\tHow\u2028was it?\t0\n' +
      '402555\t536040\t536041\t\tWhy?\t1\n',
    rows: [
      { sentences: ['How is it?', 'How\u2028was it?'], label: 0 },
      { sentences: ['', 'Why?'], label: 1 },
    ],
  },
  qnli: {
    folder: 'QNLI',
    file: 'dev.tsv',
    text: 'index\tquestion\tsentence\tlabel\n0\tWhen?\tThen.\tentailment\n1\tWho?\tNo one.\tnot_entailment\n',
    rows: [
      { sentences: ['When?', 'Then.'], label: 0 },
      { sentences: ['Who?', 'No one.'], label: 1 },
    ],
  },
  'sst-2': {
    folder: 'SST-2',
    file: 'dev.tsv',
    text: "sentence\tlabel\nit 's a charming journey . \t1\n`` bad '' \t0\n",
    rows: [
      { sentences: ["it 's a charming journey . "], label: 1 },
      { sentences: ["`` bad '' "], label: 0 },
    ],
  },
  cola: {
    folder: 'CoLA',
    file: 'dev.tsv',
    text: 'gj04\t1\t\tThe sailors rode the breeze.\nr-67\t0\t*\t"What did he say?\n',
    rows: [
      { sentences: ['The sailors rode the breeze.'], label: 1 },
      { sentences: ['"What did he say?'], label: 0 },
    ],
  },
  'sts-b': {
    folder: 'STS-B',
    file: 'dev.tsv',
    text:
      'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n' +
      '0\tmain-captions\tMSRvid\t2012test\t0000\tnone\tnone\tA man.\tA "man".\t5.000\n' +
      '1\tmain-news\tMSRpar\t2012\t0002\tnone\tnone\tA child.\tA horse.\t1.75\n',
    rows: [
      { sentences: ['A man.', 'A "man".'], label: 5 },
      { sentences: ['A child.', 'A horse.'], label: 1.75 },
    ],
  },
  mrpc: {
    folder: 'MRPC',
    file: 'dev.tsv',
    text:
      '\uFEFFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n' +
      '1\t1355540\t1355592\tHe said " no .\t" No " , he said .\r\n' +
      '0\t2029631\t2029565\tMagnarelli\tHis wife\r\n',
    rows: [
      { sentences: ['He said " no .', '" No " , he said .'], label: 1 },
      { sentences: ['Magnarelli', 'His wife'], label: 0 },
    ],
  },
  rte: {
    folder: 'RTE',
    file: 'dev.tsv',
    text: 'index\tsentence1\tsentence2\tlabel\n0\tDana died.\tHe had.\tnot_entailment\n1\tYet we\tBacteria\tentailment',
    rows: [
      { sentences: ['Dana died.', 'He had.'], label: 1 },
      { sentences: ['Yet we', 'Bacteria'], label: 0 },
    ],
  },
}

describe('the tasks of GLUE', () => {
  it('are the eight of the paper, each with the metrics of its kind of label', () => {
    expect(glueTasks.map(({ id }) => id)).toEqual(Object.keys(published))
    for (const { labels, metrics, id } of glueTasks) {
      const ofScores = metrics.filter((metric) => metric === 'pearson' || metric === 'spearman')
      expect(ofScores, id).toHaveLength(labels.kind === 'scores' ? metrics.length : 0)
      if (metrics.includes('f1')) expect(labels, id).toMatchObject({ names: { length: 2 } })
    }
  })

  it.each(Object.entries(published))(
    '%s is read from its TSV files',
    async (id, { folder: name, file, text, rows }) => {
      const folder = await folderOf(name, { 'train.tsv': text, [file]: text })
      expect(await openTask(folder)).toBe(glueTask(id))
      for (const split of ['train', 'validation'] as const) {
        expect(await readSplit(folder, split)).toEqual({ rows, leftOut: 0 })
      }
    },
  )

  it('are found by their names in capitals or not, with or without hyphens', async () => {
    for (const [name, id] of [
      ['sst2', 'sst-2'],
      ['stsb', 'sts-b'],
      ['STS-B', 'sts-b'],
      ['mnli', 'mnli-mm'],
      ['MNLI-mm', 'mnli-mm'],
      ['cola', 'cola'],
    ] as const) {
      expect(await openTask(await folderOf(name, {}))).toBe(glueTask(id))
    }
    const folder = await folderOf('wnli', {})
    await expect(openTask(folder)).rejects.toThrow(
      new UserError(
        `${folder} has no task.json and is not named for a task of GLUE (mnli-mm, qqp, qnli, sst-2, cola, sts-b, mrpc, ` +
          'rte); write one, as datasets/tasks/genre/task.json is, or rename the folder',
      ),
    )
  })

  it('reads MRPC in the files that Microsoft publishes, too', async () => {
    const { text, rows } = published.mrpc!
    const folder = await folderOf('mrpc', { 'msr_paraphrase_train.txt': text, 'msr_paraphrase_test.txt': text })
    expect(await readSplit(folder, 'validation')).toEqual({ rows, leftOut: 0 })
  })

  it("leaves QQP's broken rows out, and says how many", async () => {
    const broken = '97931\t1\t2\t"Was he\n"\tWas Muhammad a real figure?\t0\n'
    const folder = await folderOf('QQP', { 'train.tsv': published.qqp!.text + broken, 'dev.tsv': '' })
    expect(await readSplit(folder, 'train')).toEqual({ rows: published.qqp!.rows, leftOut: 2 })
  })

  it('gives the same rows from parquet as the hub stores it', async () => {
    const stored: Readonly<Record<string, string>> = {
      'mnli-mm':
        "select unnest(['Your gift.', 'A \"quoted.']) premise, unnest(['Goodwill.', 'B']) hypothesis, unnest([2, 1]) as label, 0 idx",
      'sts-b':
        "select unnest(['A man.', 'A child.']) sentence1, unnest(['A \"man\".', 'A horse.']) sentence2, unnest([5, 1.75])::float as label, 0 idx",
      mrpc: "select unnest(['He said \" no .', 'Magnarelli']) sentence1, unnest(['\" No \" , he said .', 'His wife']) sentence2, unnest([1, 0]) as label, 0 idx",
      qqp: "select unnest(['How is it?', '']) question1, unnest(['How\u2028was it?', 'Why?']) question2, unnest([0, 1]) as label, 0 idx",
      'sst-2':
        "select unnest(['it ''s a charming journey . ', '`` bad '''' ']) sentence, unnest([1, 0]::bigint[]) as label, 0 idx",
    }
    for (const [id, query] of Object.entries(stored)) {
      const task = glueTask(id)
      const folder = await folderOf(id, {})
      const { train, validation } = task.parquet.splits
      await writeQuery(join(folder, `${train}-00000-of-00001.parquet`), query)
      await writeQuery(join(folder, `${validation}-00000-of-00002.parquet`), `select * from (${query}) limit 1`)
      await writeQuery(join(folder, `${validation}-00001-of-00002.parquet`), `select * from (${query}) offset 1`)
      await writeFile(join(folder, 'test-00000-of-00001.parquet'), 'of no concern')
      for (const split of ['train', 'validation'] as const) {
        expect(await readSplit(folder, split), id).toEqual({ rows: published[id]!.rows, leftOut: 0 })
      }
    }
  })

  it('reads files of several megabytes, with characters of several bytes', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => ({ sentences: [`${i} ${'日本𝔘é'.repeat(5)}`], label: i % 2 }))
    const lines = rows.map(({ sentences: [text], label }) => `${text}\t${label}\n`)
    const folder = await folderOf('SST-2', { 'train.tsv': `sentence\tlabel\n${lines.join('')}`, 'dev.tsv': '' })
    const read = await readSplit(folder, 'train')
    expect(read.rows.length).toBe(rows.length)
    expect(
      read.rows.every(({ sentences, label }, i) => sentences[0] === rows[i]!.sentences[0] && label === i % 2),
    ).toBe(true)
  })

  it('reads any text without tabs and line breaks as it stands', async () => {
    const task = glueTask('sst-2')
    const folder = await folderOf('SST-2', { 'dev.tsv': '' })
    const sentence = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\t\n\r]/g, '"'))
    const property = fc.asyncProperty(fc.array(sentence, { minLength: 1 }), async (sentences) => {
      const text = ['sentence\tlabel', ...sentences.map((own, i) => `${own}\t${i % 2}`)].join('\n')
      await writeFile(join(folder, 'train.tsv'), text)
      const { rows } = await readSplit(folder, 'train', task)
      expect(rows).toEqual(sentences.map((own, i) => ({ sentences: [own], label: i % 2 })))
    })
    await expect(fc.assert(property, { numRuns: 50 })).resolves.not.toThrow()
  })
})

describe('readTaskRows says what is wrong', () => {
  const header = 'index\tsentence1\tsentence2\tlabel\n'
  const rejection = async (name: string, text: string) => {
    const folder = await folderOf(name, { 'train.tsv': text, 'dev.tsv': '' })
    const message = await readSplit(folder, 'train').then(
      () => 'nothing was thrown',
      (error: UserError) => `${error.name}: ${error.message}`,
    )
    return message.replaceAll(folder, 'F')
  }

  it('with a line', async () => {
    expect(await rejection('RTE', `${header}0\ta\tb\tentailment\n1\ta\tb\n`)).toBe(
      "UserError: F/train.tsv, line 3 has 3 fields, expected 4: the column 'label' is missing; correct the line, or " +
        'download the file again',
    )
    expect(await rejection('RTE', `${header}0\ta\tb\tc\tentailment\n`)).toBe(
      'UserError: F/train.tsv, line 2 has 5 fields, expected 4: there is a tab too many; correct the line, or download ' +
        'the file again',
    )
  })

  it('with a column', async () => {
    expect(await rejection('RTE', 'sentence1\tlabel\n')).toBe(
      "UserError: F/train.tsv, line 1 has no column 'sentence2', but 'sentence1', 'label'; give a file of this task",
    )
  })

  it('with a label', async () => {
    expect(await rejection('RTE', `${header}0\ta\tb\tneutral\n`)).toBe(
      "UserError: F/train.tsv, line 2: the column 'label' is 'neutral', expected entailment, not_entailment, or an index " +
        'below 2; correct the row, or give a split that is labelled',
    )
    expect(await rejection('RTE', `${header}0\ta\tb\t2\n`)).toContain("the column 'label' is '2', expected entailment,")
    expect(await rejection('RTE', `${header}0\ta\tb\t-1\n`)).toContain("the column 'label' is '-1', expected")
    const scores = `${published['sts-b']!.text.split('\n')[0]}\n0\tg\tf\ty\t0\ts\ts\ta\tb\t`
    for (const wrong of ['5.2', '', 'high', '-1']) {
      expect(await rejection('STS-B', `${scores}${wrong}\n`)).toBe(
        `UserError: F/train.tsv, line 2: the column 'score' is '${wrong}', expected a number from 0 to 5; correct the row, ` +
          'or give a split that is labelled',
      )
    }
  })

  it('with a file', async () => {
    expect(await rejection('RTE', header)).toBe(
      'UserError: F/train.tsv holds no rows of the task rte; download it again',
    )
    const folder = await folderOf('RTE', { 'dev.tsv': '' })
    await writeFile(join(folder, 'train.tsv'), Buffer.from([0x61, 0xff, 0x0a]))
    await expect(readSplit(folder, 'train')).rejects.toThrow(
      new UserError(`the table ${folder}/train.tsv is not UTF-8; convert it, e.g. with iconv -t utf-8`),
    )
    const bare = await folderOf('RTE', { 'dev.tsv': '', 'notes.txt': '' })
    await expect(readSplit(bare, 'train')).rejects.toThrow(
      new UserError(
        `${bare} does not hold the task rte: expected train.tsv and dev.tsv, or shards train-00000-of-00001.parquet and ` +
          'validation-00000-of-00001.parquet, found dev.tsv, notes.txt; copy the files there as they are published',
      ),
    )
    await expect(listTaskFiles(join(bare, 'none'), glueTask('rte'), 'train')).rejects.toThrow(
      `cannot read the folder of the task ${join(bare, 'none')}: ENOENT`,
    )
  })

  it('with parquet', async () => {
    const folder = await folderOf('rte', {})
    const path = join(folder, 'train-00000-of-00001.parquet')
    await writeQuery(path, "select 'a' sentence1, null::varchar sentence2, 0 as label")
    await expect(readSplit(folder, 'train')).rejects.toThrow(
      new UserError(`${path}, row 1: the column 'sentence2' is null, expected text; correct the row, or leave it out`),
    )
    await writeQuery(path, "select 'a' sentence1, 'b' sentence2, -1 as label")
    await expect(readSplit(folder, 'train')).rejects.toThrow(
      `${path}, row 1: the column 'label' is '-1', expected entailment, not_entailment, or an index below 2;`,
    )
    await writeQuery(path, "select 'a' premise, 0 as label")
    await expect(readSplit(folder, 'train')).rejects.toThrow(
      new UserError(
        `${path} has no column 'sentence1', but premise (VARCHAR), label (INTEGER); give a file of this task`,
      ),
    )
  })
})

describe('openTask', () => {
  const tables = { 'train.tsv': 'a\tb\tc\nx\ty\t2.5\n', 'dev.tsv': 'a\tb\tc\nx\ty\t3\n' }

  it('opens the tasks that ship, whose splits share no book, no mail and no text', async () => {
    for (const [id, classes, counts] of [
      ['genre', ['comedy', 'novel', 'scripture', 'speech', 'tragedy'], [3000, 750]],
      ['spam', ['ham', 'spam'], [2561, 640]],
    ] as const) {
      const folder = datasetPath(`tasks/${id}`)
      const task = await openTask(folder)
      expect(task).toMatchObject({ id, labels: { kind: 'classes', names: classes } })
      const [train, dev] = [await readSplit(folder, 'train'), await readSplit(folder, 'validation')]
      expect([train.rows.length, dev.rows.length]).toEqual(counts)
      const texts = new Set(train.rows.map(({ sentences: [text] }) => text))
      expect(dev.rows.filter(({ sentences: [text] }) => texts.has(text))).toEqual([])
      const withSources = {
        ...task,
        tsv: {
          ...task.tsv,
          columns: { ...task.tsv.columns, sentences: [{ genre: 'book', spam: 'mail' }[id]] as const },
        },
      }
      const sources = new Set((await readSplit(folder, 'train', withSources)).rows.map(({ sentences: [name] }) => name))
      const shared = (await readSplit(folder, 'validation', withSources)).rows.filter(({ sentences: [name] }) =>
        sources.has(name!),
      )
      expect(shared).toEqual([])
    }
  })

  it("reads a task of one's own, of scores and of a pair", async () => {
    const json = { sentences: ['a', 'b'], label: 'c', range: [1, 4], metrics: ['spearman'] }
    const folder = await folderOf('likeness', { ...tables, 'task.json': JSON.stringify(json) })
    expect(await openTask(folder)).toMatchObject({ id: 'likeness', title: 'likeness', labels: { range: [1, 4] } })
    expect(await readSplit(folder, 'train')).toEqual({ rows: [{ sentences: ['x', 'y'], label: 2.5 }], leftOut: 0 })
  })

  it('says what is wrong in task.json', async () => {
    const fine = { sentences: ['a'], label: 'c', classes: ['no', 'yes'], metrics: ['accuracy'] }
    const rejection = async (text: string) => {
      const folder = await folderOf('own', { 'task.json': text })
      const message = await openTask(folder).then(
        () => 'nothing was thrown',
        (error: UserError) => error.message,
      )
      return message.replaceAll(folder, 'F')
    }
    expect(await rejection('{')).toMatch(/^F\/task.json is not JSON: .*; correct it$/)
    for (const [change, expected] of [
      [{ range: [0, 1] }, 'expected either classes or range'],
      [{ classes: ['a', 'a'] }, 'a class is named twice'],
      [
        { metrics: ['pearson'] },
        'classes are measured by accuracy, f1 and matthews, scores in a range by pearson and spearman',
      ],
      [{ classes: ['a', 'b', 'c'], metrics: ['f1'] }, 'f1 is of two classes, of which the second is the positive one'],
      [{ classes: undefined, range: [2, 2], metrics: ['pearson'] }, 'the range must go from low to high'],
    ] as const) {
      expect(await rejection(JSON.stringify({ ...fine, ...change }))).toBe(`F/task.json: ${expected}; correct it`)
    }
    expect(await rejection(JSON.stringify({ ...fine, label: 3 }))).toMatch(
      /^F\/task.json: label: .*string.*; correct it$/,
    )
    expect(await rejection(JSON.stringify({ ...fine, metrics: ['bleu'] }))).toMatch(
      /^F\/task.json: metrics.0: .*accuracy/,
    )
  })
})

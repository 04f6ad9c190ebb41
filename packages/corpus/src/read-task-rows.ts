import { UserError } from '@isthmus/tensor'
import { areParquetShards } from './list-parquet-shards.ts'
import { listColumns, type ParquetColumn, readParquetRows } from './read-parquet-rows.ts'
import { readTsv } from './read-tsv.ts'
import type { TaskColumns, TaskFiles, TaskLabels, TaskTables } from './text-task.ts'

/** A row of a task. */
export interface TaskRow {
  /** One, or a pair; as they are stored, and possibly empty. */
  readonly sentences: readonly string[]
  /** The index of the class, or the score. */
  readonly label: number
}

/** The rows of one split of a task. */
export interface TaskRows {
  readonly rows: readonly TaskRow[]
  /** How many broken rows were left out; 0 for tasks that refuse them. */
  readonly leftOut: number
}

/** Read one split of a task, from a TSV file or from parquet. Both formats of the same rows give the same rows.
 *
 *  A class is stored by its name or by its index. Rows without a label, which test sets have, are refused.
 *  @param files What `listTaskFiles` lists.
 *  @throws {UserError} naming the file, the row and the column, with what was expected and found.
 */
export async function readTaskRows(files: TaskFiles, task: TaskTables): Promise<TaskRows> {
  const { rows, leftOut } = areParquetShards(files)
    ? { rows: await parquetRows(files, task), leftOut: 0 }
    : await tsvRows(Object.values(files)[0]!, task)
  if (rows.length > 0) return { rows, leftOut }
  throw new UserError(`${Object.values(files).join(', ')} holds no rows of the task ${task.id}; download it again`)
}

async function tsvRows(path: string, { tsv, labels }: TaskTables): Promise<{ rows: TaskRow[]; leftOut: number }> {
  const rows: TaskRow[] = []
  let header = tsv.header
  let indices = header === null ? null : columnIndices(header, tsv.columns, path)
  let leftOut = 0
  for await (const { fields, line } of readTsv(path)) {
    if (header === null || indices === null) {
      header = fields
      indices = columnIndices(fields, tsv.columns, path)
      continue
    }
    if (fields.length < header.length && tsv.brokenRows === 'left out') {
      leftOut++
      continue
    }
    const where = `${path}, line ${line}`
    assertFieldCount(fields, header, where)
    const sentences = indices.sentences.map((index) => fields[index]!)
    rows.push({ sentences, label: readLabel(fields[indices.label]!, labels, where, tsv.columns.label) })
  }
  return { rows, leftOut }
}

function columnIndices(header: readonly string[], { sentences, label }: TaskColumns, path: string) {
  const indexOf = (name: string) => {
    const index = header.indexOf(name)
    if (index !== -1) return index
    throw new UserError(
      `${path}, line 1 has no column '${name}', but ${header.map((found) => `'${found}'`).join(', ')}; ` +
        'give a file of this task',
    )
  }
  return { sentences: sentences.map(indexOf), label: indexOf(label) }
}

function assertFieldCount(fields: readonly string[], header: readonly string[], where: string): void {
  if (fields.length === header.length) return
  const missing = header[fields.length]
  const problem = missing === undefined ? 'there is a tab too many' : `the column '${missing}' is missing`
  throw new UserError(
    `${where} has ${fields.length} fields, expected ${header.length}: ${problem}; correct the line, or download the ` +
      'file again',
  )
}

async function parquetRows(files: TaskFiles, { parquet, labels }: TaskTables): Promise<TaskRow[]> {
  const { columns } = parquet
  const wanted = [...columns.sentences, columns.label]
  const choose = (found: readonly ParquetColumn[], path: string) => {
    const missing = wanted.find((name) => found.every((column) => column.name !== name))
    if (missing === undefined) return wanted
    throw new UserError(`${path} has no column '${missing}', but ${listColumns(found)}; give a file of this task`)
  }
  const rows: TaskRow[] = []
  for await (const { values, path, row } of readParquetRows(files, choose)) {
    const where = `${path}, row ${row}`
    const sentences = columns.sentences.map((name, i) => textValue(values[i], where, name))
    const label = values.at(-1)
    rows.push({ sentences, label: readLabel(label === null ? '' : String(label), labels, where, columns.label) })
  }
  return rows
}

function textValue(value: unknown, where: string, column: string): string {
  if (typeof value === 'string') return value
  throw new UserError(`${where}: the column '${column}' is ${value}, expected text; correct the row, or leave it out`)
}

const wholeNumber = /^\d+$/

/** Read a class, by its name or its index, or a score. */
function readLabel(text: string, labels: TaskLabels, where: string, column: string): number {
  const refuse = (expected: string) =>
    new UserError(
      `${where}: the column '${column}' is '${text}', expected ${expected}; correct the row, or give a split that is ` +
        'labelled',
    )
  if (labels.kind === 'scores') {
    const [low, high] = labels.range
    const score = text.trim() === '' ? Number.NaN : Number(text)
    if (score >= low && score <= high) return score
    throw refuse(`a number from ${low} to ${high}`)
  }
  const { names } = labels
  const named = names.indexOf(text)
  if (named !== -1) return named
  if (wholeNumber.test(text) && Number(text) < names.length) return Number(text)
  throw refuse(`${names.join(', ')}, or an index below ${names.length}`)
}

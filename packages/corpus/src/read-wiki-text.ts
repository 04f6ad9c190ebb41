import { stat } from 'node:fs/promises'
import { UserError } from '@isthmus/tensor'
import { areParquetShards, listParquetShards } from './list-parquet-shards.ts'
import { linesOf, readText } from './read-lines.ts'
import { readParquetText } from './read-parquet-text.ts'

/** The files of a text: one raw text under any name, or parquet shards as `part-00000.parquet`, …. */
export type TextFiles = Readonly<Record<string, string>>

/** List the files of a text: a raw text file as `text`; a `.parquet` file, or a folder of shards, as `part-00000.parquet`, ….
 *
 *  @throws {UserError} when a folder holds no shards, those of several tables, or not all of one.
 */
export async function listWikiText(path: string): Promise<TextFiles> {
  const shards = await listParquetShards(path)
  if (shards !== null) return shards
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return { text: path }
  throw new UserError(
    `the text ${path} is a folder without .parquet files; give the path of a raw text file, such as wiki.valid.raw, or ` +
      'of a folder of parquet shards',
  )
}

/** Read WikiText as paragraphs, from a raw text file or from parquet with a column `text`, as the hub stores it.
 *
 *  One paragraph is one line, stripped of surrounding white space; empty lines are dropped and ` = Title = ` lines are
 *  kept as text. Both formats of the same lines give the same paragraphs.
 *  @param source The path of a text file, or what `listWikiText` lists.
 *  @param name What messages call a text file: its path where none is given.
 *  @throws {UserError} when a file cannot be read, is not UTF-8, or has no column `text`.
 *  @see Merity et al. (2016), Pointer Sentinel Mixture Models, §4.3 (WikiText).
 */
export async function readWikiText(source: string | TextFiles, name?: string): Promise<string[]> {
  const rows = await readWikiRows(source, name)
  return rows.flatMap((row) => linesOf(row).map(({ text }) => text))
}

/** Read WikiText as the rows of the hub's data set: one a line, the empty ones too.
 *
 *  @param source As for `readWikiText`.
 *  @returns Rows, stripped of surrounding white space.
 *  @throws {UserError} as `readWikiText`.
 */
export async function readWikiRows(source: string | TextFiles, name?: string): Promise<string[]> {
  if (typeof source !== 'string' && areParquetShards(source)) {
    const rows: string[] = []
    for await (const { text } of readParquetText(source)) rows.push(text.trim())
    return rows
  }
  const [path] = typeof source === 'string' ? [source] : Object.values(source)
  const lines = (await readText(path!, name)).split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) => line.trim())
}

import { readLines } from './read-lines.ts'

/** Read a raw WikiText file as paragraphs.
 *
 *  One paragraph is one line, stripped of surrounding white space; empty lines are dropped and ` = Title = ` lines are
 *  kept as text.
 *  @param name What messages call the file: its path where none is given.
 *  @throws {UserError} when the file cannot be read, or is not UTF-8.
 *  @see Merity et al. (2016), Pointer Sentinel Mixture Models, §4.3 (WikiText).
 */
export async function readWikiText(path: string, name = path): Promise<string[]> {
  return (await readLines(path, name)).map(({ text }) => text)
}

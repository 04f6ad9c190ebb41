/** Cut a book into passages that follow each other: whole sentences of 50 to 80 words, or 80 words where no sentence
 *  ends.
 *
 *  What remains at the end is left out. What gives a genre away by its layout is gone: {@link proseLines}.
 *  @param lines The book's, not empty.
 */
export function cutPassages(lines: readonly string[]): string[] {
  const passages: string[] = []
  let words: string[] = []
  for (const word of proseLines(lines).flatMap((line) => line.split(' '))) {
    words.push(word)
    const isEnd = words.length >= fewestWords && /[.?!]$/.test(word)
    if (!isEnd && words.length < mostWords) continue
    passages.push(words.join(' '))
    words = []
  }
  return passages
}

const fewestWords = 50
const mostWords = 80

/** The lines of a book without what is layout: headings, lists of persons, the names of speakers, stage directions and other
 *  brackets, quotation marks; words in capitals are written as names are, and dashes as one.
 */
export function proseLines(lines: readonly string[]): string[] {
  const firstAct = lines.findIndex((line) => /^ACT\b/i.test(line))
  const speakers = frequentLabels(lines)
  return lines
    .slice(firstAct + 1)
    .filter((line) => !isHeading.test(line) && !isCapitals.test(line))
    .map((line) => withoutSpeaker(line, speakers))
    .map((line) =>
      line
        .replaceAll(/\[[^\]]*\]?|[\]_*]/g, ' ')
        .replaceAll(/["\u201c\u201d]/g, '')
        .replaceAll(/[\u2018\u2019]/g, "'")
        .replaceAll(/\s*(?:\u2014|--+)\s*/g, ' - ')
        .replaceAll(/\p{Lu}{2,}/gu, (word) => word[0] + word.slice(1).toLowerCase())
        .trim()
        .replaceAll(/\s+/g, ' '),
    )
    .filter((line) => line !== '')
}

const isCapitals = /^[^\p{Ll}]+$/u
/** What starts as headings and directions do. */
const isHeading = /^(?:act|scene|chapter|volume|prologue|epilogue)\b.{0,60}$|^(?:enter|re-enter|exit|exeunt)\b/i
const label = /^\p{Lu}[\p{L}\p{N}']*(?:,? (?:and |of |the )?[\p{Lu}\p{N}][\p{L}\p{N}']*){0,3}\.\s+/u
const fewestSpeeches = 5

/** What many lines of a book start with as speeches do: a name and a full stop. */
function frequentLabels(lines: readonly string[]): ReadonlySet<string> {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const found = label.exec(line)?.[0]
    if (found !== undefined) counts.set(found, (counts.get(found) ?? 0) + 1)
  }
  return new Set([...counts].filter(([, count]) => count >= fewestSpeeches).map(([found]) => found))
}

function withoutSpeaker(line: string, speakers: ReadonlySet<string>): string {
  const found = label.exec(line)?.[0]
  if (found === undefined || !(speakers.has(found) || isCapitals.test(found))) return line
  return line.slice(found.length)
}

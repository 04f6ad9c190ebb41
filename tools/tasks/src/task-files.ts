import { taskScores } from '@isthmus/evaluation'
import type { LabelledText, MadeTask } from './made-task.ts'
import { naiveBayes } from './naive-bayes.ts'

/** The files of a task's folder, by name. */
export function taskFiles(task: MadeTask): Readonly<Record<string, string>> {
  const files = {
    'dev.tsv': tsv(task.columns, task.dev),
    'task.json': taskJson(task),
    'train.tsv': tsv(task.columns, task.train),
  }
  return { 'README.md': readme(task, files), ...files }
}

/** Tab-separated values without quoting: no field may hold a tab or a line break. */
function tsv(columns: MadeTask['columns'], rows: readonly LabelledText[]): string {
  const lines = [columns, ...rows.map(({ source, text, label }) => [source, text, label])]
  for (const field of lines.flat()) {
    if (/[\t\r\n]/.test(field)) throw new Error(`a field holds a tab or a line break: ${JSON.stringify(field)}`)
  }
  return lines.map((fields) => `${fields.join('\t')}\n`).join('')
}

function taskJson({ title, columns: [, text, label], classes, metrics, reference }: MadeTask): string {
  return `${JSON.stringify({ title, sentences: [text], label, classes, metrics, reference }, null, 2)}\n`
}

function readme(task: MadeTask, files: Readonly<Record<string, string>>): string {
  const { title, classes, metrics, train, dev, about } = task
  const rows = (
    [
      ['train.tsv', train],
      ['dev.tsv', dev],
    ] as const
  ).map(([name, split]) => {
    const counts = classes.map((label) => split.filter((row) => row.label === label).length)
    return `| \`${name}\` | ${split.length} | ${counts.join(' | ')} | ${Buffer.byteLength(files[name]!)} |`
  })
  const { majority, bayes, bayesRecall } = baselines(task)
  const score = (scores: readonly number[]) => scores.map((value) => value.toFixed(3)).join(' | ')
  return `# ${title}

${about.what}

| file | rows | ${classes.join(' | ')} | bytes |
|---|---|${classes.map(() => '---|').join('')}---|
${rows.join('\n')}

\`task.json\` names the columns, the classes and the metrics; nothing is quoted in the tables. What is reached without a
transformer, on \`dev.tsv\`:

| | ${metrics.join(' | ')} |
|---|${metrics.map(() => '---|').join('')}
| always the most frequent class | ${score(majority)} |
| naive Bayes on bags of words | ${score(bayes)} |

Of each class naive Bayes finds ${classes.map((name, c) => `${name} ${bayesRecall[c]!.toFixed(2)}`).join(', ')}.

${about.how}

## Source and licence

${about.licence}

The command that made the task from seed 0, and makes it again byte for byte (\`-- --check\` compares and writes nothing):

    npm start --workspace @isthmus/tasks
`
}

/** The scores on `dev` of always the most frequent class, and of naive Bayes with the share of each class that it finds. */
function baselines({ classes, metrics, train, dev }: MadeTask) {
  const labels = dev.map(({ label }) => classes.indexOf(label))
  const counts = classes.map((name) => train.filter(({ label }) => label === name).length)
  const majority = counts.indexOf(Math.max(...counts))
  const classify = naiveBayes(train, classes)
  const predictions = dev.map(({ text }) => classify(text))
  const scores = (own: readonly number[]) => Object.values(taskScores(metrics, own, labels))
  return {
    majority: scores(dev.map(() => majority)),
    bayes: scores(predictions),
    bayesRecall: classes.map((_, c) => {
      const rows = predictions.filter((_prediction, i) => labels[i] === c)
      return rows.filter((prediction) => prediction === c).length / rows.length
    }),
  }
}

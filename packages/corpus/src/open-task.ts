import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import { glueTasks } from './glue-tasks.ts'
import { type TaskLabels, type TaskMetric, type TextTask, taskMetrics } from './text-task.ts'

const column = z.string().min(1)

const taskJson = z
  .strictObject({
    title: z.string().optional(),
    sentences: z.union([z.tuple([column]), z.tuple([column, column])]),
    label: column,
    classes: z.array(column).min(2).optional(),
    range: z.tuple([z.number(), z.number()]).optional(),
    metrics: z.array(z.enum(taskMetrics)).min(1),
    reference: z.string().optional(),
  })
  .refine(({ classes, range }) => (classes === undefined) !== (range === undefined), {
    message: 'expected either classes or range',
  })
  .refine(({ classes = [] }) => new Set(classes).size === classes.length, { message: 'a class is named twice' })
  .refine(({ range: [low, high] = [0, 1] }) => low < high, { message: 'the range must go from low to high' })
  .refine(({ classes, metrics }) => metrics.every((metric) => measuresScores(metric) === (classes === undefined)), {
    message: 'classes are measured by accuracy, f1 and matthews, scores in a range by pearson and spearman',
  })
  .refine(({ classes, metrics }) => !metrics.includes('f1') || classes?.length === 2, {
    message: 'f1 is of two classes, of which the second is the positive one',
  })

function measuresScores(metric: TaskMetric): boolean {
  return metric === 'pearson' || metric === 'spearman'
}

/** Open the task of a folder: as its `task.json` says, else the task of GLUE that the folder is named for.
 *
 *  `task.json` names the columns of the sentences, one or a pair, and of the label; the classes, by their names in the
 *  label's column, or the range of scores; and the metrics. Its tables are `train.tsv` and `dev.tsv`, with a line of
 *  column names and no quoting, or parquet. A folder is named for a task of GLUE in capitals or not, with or without
 *  hyphens: `SST-2`, `sst2`; `MNLI` is evaluated on the mismatched genres.
 *  @throws {UserError} when there is no `task.json` and the name is none of GLUE's, or `task.json` is wrong in a field.
 */
export async function openTask(folder: string): Promise<TextTask> {
  const path = join(folder, 'task.json')
  const id = basename(resolve(folder)).toLowerCase()
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new UserError(`cannot read ${path}: ${cause.message}; check the path`, { cause })
  })
  if (text !== null) return ownTask(parseTaskJson(text, path), id)
  const named = id.replaceAll(/[^a-z0-9]/g, '')
  const task = glueTasks.find((glue) =>
    [glue.id, glue.id.replace(/-mm$/, '')].some((known) => known.replaceAll('-', '') === named),
  )
  if (task !== undefined) return task
  throw new UserError(
    `${folder} has no task.json and is not named for a task of GLUE (${glueTasks.map((glue) => glue.id).join(', ')}); ` +
      'write one, as datasets/tasks/genre/task.json is, or rename the folder',
  )
}

function parseTaskJson(text: string, path: string): z.output<typeof taskJson> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new UserError(`${path} is not JSON: ${(cause as Error).message}; correct it`, { cause })
  }
  const parsed = taskJson.safeParse(json)
  if (parsed.success) return parsed.data
  const [{ path: field, message }] = parsed.error.issues as [z.core.$ZodIssue]
  const where = field.length === 0 ? '' : `: ${field.join('.')}`
  throw new UserError(`${path}${where}: ${message}; correct it`)
}

function ownTask(json: z.output<typeof taskJson>, id: string): TextTask {
  const { title = id, sentences, label, classes, range, metrics, reference = title } = json
  const labels: TaskLabels =
    classes === undefined ? { kind: 'scores', range: range! } : { kind: 'classes', names: classes }
  const columns = { sentences, label }
  return {
    id,
    title,
    labels,
    metrics,
    tsv: {
      columns,
      header: null,
      files: [{ train: 'train.tsv', validation: 'dev.tsv' }],
      brokenRows: 'refused',
    },
    parquet: { columns, splits: { train: 'train', validation: 'validation' } },
    reference,
  }
}

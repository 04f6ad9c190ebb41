import { encodeTask, openTokenizer, readTaskRows, taskMetrics, writeTaskTable } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { taskFilesArtifact, taskTableArtifact, tokenizerArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

const columns = z.object({
  sentences: z.union([z.tuple([z.string()]).readonly(), z.tuple([z.string(), z.string()]).readonly()]),
  label: z.string(),
})

const splits = z.object({ train: z.string(), validation: z.string() })

/** What of a task fixes the rows that are read from its files. */
export const taskParam = z.object({
  id: z.string(),
  labels: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('classes'), names: z.array(z.string()).readonly() }),
    z.object({ kind: z.literal('scores'), range: z.tuple([z.number(), z.number()]).readonly() }),
  ]),
  tsv: z.object({
    columns,
    header: z.array(z.string()).readonly().nullable(),
    files: z.array(splits).readonly(),
    brokenRows: z.enum(['refused', 'left out']),
  }),
  parquet: z.object({ columns, splits }),
})

/** The metrics that a task is scored by. */
export const metricsParam = z.array(z.enum(taskMetrics))

/** Turn one split of a task into tokens with labels: to fine-tune on, to match features on, or to evaluate on. */
export const encodeTaskSplit = defineOperation({
  id: 'corpus.encode-task',
  version: 1,
  inputs: { files: one(taskFilesArtifact), tokenizer: one(tokenizerArtifact) },
  params: z.object({ task: taskParam, maxTokens: z.int() }),
  value: taskTableArtifact,
  async run(context, { files, tokenizer }, { task, maxTokens }) {
    const { rows, leftOut } = await readTaskRows(await blobPaths(files), task)
    const encoded = encodeTask(rows, task, await openTokenizer(await blobPaths(tokenizer)), { maxTokens })
    await writeTaskTable(await context.createBlob('task'), encoded)
    return {
      task: task.id,
      texts: rows.length,
      tokens: encoded.texts.reduce((sum, { ids }) => sum + ids.length, 0),
      leftOut,
    }
  },
})

import { randomStream, readTaskTable, sampleWithoutReplacement, writeTaskTable } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { taskTableArtifact } from './artifacts.ts'

/** Draw some texts of a task, at least one, to match features on. */
export const sampleTask = defineOperation({
  id: 'corpus.sample-task',
  version: 1,
  inputs: { task: one(taskTableArtifact) },
  params: z.object({ fraction: z.number(), seed: z.int() }),
  value: taskTableArtifact,
  async run(context, { task }, { fraction, seed }) {
    const table = await readTaskTable(await task.path('task'))
    const count = Math.max(1, Math.round(fraction * table.texts.length))
    const stream = randomStream(seed, 'task-sample', table.task)
    const drawn = sampleWithoutReplacement(stream, table.texts.length, count).sort()
    const texts = Array.from(drawn, (row) => table.texts[row]!)
    const labels = table.labels.slice(0, count)
    drawn.forEach((row, place) => {
      labels[place] = table.labels[row]!
    })
    await writeTaskTable(await context.createBlob('task'), { ...table, texts, labels })
    return {
      task: table.task,
      texts: count,
      tokens: texts.reduce((sum, { ids }) => sum + ids.length, 0),
      leftOut: table.texts.length - count,
    }
  },
})

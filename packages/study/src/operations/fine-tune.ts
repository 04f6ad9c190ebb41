import { readTaskTable, taskBatch } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { readWeights } from '@isthmus/merging'
import { graphOf } from '@isthmus/model'
import { classifierConfig, headParameters, shuffledRows, trainingRecipe } from '@isthmus/training'
import { z } from 'zod'
import { checkpointArtifact, engineParam, taskTableArtifact, trainedCheckpointArtifact } from './artifacts.ts'
import { assertEngineVersion, openModel } from './runtime.ts'
import { trainResumably } from './train-resumably.ts'
import { writeTrainedCheckpoint } from './write-trained-checkpoint.ts'

/** Points of a curve of the loss. */
const curvePoints = 50

/** Fine-tune a model on a task: its encoder, with a head drawn anew.
 *
 *  A batch is padded to its longest text. Blobs: `config.json` and `model.safetensors` of a classifier.
 */
export const fineTune = defineOperation({
  id: 'training.fine-tune',
  version: 1,
  inputs: { base: one(checkpointArtifact), task: one(taskTableArtifact) },
  params: z.object({
    recipe: trainingRecipe.omit({ steps: true, warmupSteps: true }),
    epochs: z.int().positive(),
    batchSize: z.int().positive(),
    /** The part of the steps in which the learning rate rises. */
    warmup: z.number(),
    /** Of the pooler and the classifier. */
    headSeed: z.int(),
    engine: engineParam,
  }),
  value: trainedCheckpointArtifact,
  async run(context, { base, task: table }, { recipe, epochs, batchSize, warmup, headSeed, engine }) {
    assertEngineVersion(engine)
    const task = await readTaskTable(await table.path('task'))
    await using model = await openModel(base, { padding: true, head: 'none' })
    const config = classifierConfig(model.checkpoint.config, task.classes, 'the model')
    const graph = graphOf(config, 'config.json', { padding: true })
    const encoder = await readWeights(
      model.read,
      model.graph.parameters.map(({ name }) => name),
    )
    const { stepsPerEpoch, rows } = shuffledRows(task.texts.length, { batchSize, seed: recipe.seed })
    const steps = epochs * stepsPerEpoch
    const trained = await trainResumably(context, {
      parameters: new Map([...encoder, ...headParameters(config, 'config.json', headSeed)]),
      recipe: { ...recipe, steps, warmupSteps: Math.round(warmup * steps) },
      executionProvider: engine.executionProvider,
      batch: (step) => ({ graph, feeds: taskBatch(task, rows(step)).feeds }),
      recordEvery: Math.max(1, Math.round(steps / curvePoints)),
    })
    return writeTrainedCheckpoint(context, config, graph, trained)
  },
})

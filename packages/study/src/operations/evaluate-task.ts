import { readTaskTable, type TaskMetric, taskBatches } from '@isthmus/corpus'
import { defineOperation, type InputArtifact, type OperationContext, one } from '@isthmus/dataflow'
import { evaluateTask } from '@isthmus/evaluation'
import { z } from 'zod'
import {
  alignmentArtifact,
  checkpointArtifact,
  decoderParam,
  engineParam,
  type TaskEvaluationValue,
  taskEvaluationArtifact,
  taskTableArtifact,
} from './artifacts.ts'
import { metricsParam } from './encode-task.ts'
import { interpolatedModel, type RunnableModel, wholeModel } from './runnable-model.ts'

/** Tokens of one forward pass, padding included. */
const batchTokens = 2048

const outputs = ['negativeLogLikelihood', 'logits']

/** The loss of a classifier on a task, and its scores. */
export const modelTask = defineOperation({
  id: 'evaluation.model-task',
  version: 1,
  inputs: { model: one(checkpointArtifact), task: one(taskTableArtifact) },
  params: z.object({ metrics: metricsParam, engine: engineParam }),
  value: taskEvaluationArtifact,
  async run(context, { model, task }, { metrics, engine }) {
    return evaluateOn(context, await wholeModel(model, { padding: true, outputs, engine }), task, metrics)
  },
})

/** The loss of λ θ_A + (1 − λ) θ_B' on a task, and its scores. */
export const interpolatedTask = defineOperation({
  id: 'evaluation.interpolated-task',
  version: 1,
  inputs: {
    a: one(checkpointArtifact),
    b: one(checkpointArtifact),
    alignment: one(alignmentArtifact),
    task: one(taskTableArtifact),
  },
  params: z.object({ lambda: z.number(), decoder: decoderParam, metrics: metricsParam, engine: engineParam }),
  value: taskEvaluationArtifact,
  async run(context, { task, ...models }, { metrics, ...params }) {
    const merged = await interpolatedModel(models, { ...params, padding: true, outputs })
    return evaluateOn(context, merged, task, metrics)
  },
})

async function evaluateOn(
  context: OperationContext,
  { program, weights }: RunnableModel,
  table: InputArtifact,
  metrics: readonly TaskMetric[],
): Promise<TaskEvaluationValue> {
  const batches = [...taskBatches(await readTaskTable(await table.path('task')), { tokensPerBatch: batchTokens })]
  const { scores, ...loss } = await evaluateTask(program, weights, batches, metrics, (done) =>
    context.progress(done, batches.length),
  )
  // A correlation of scores that are all equal is no number.
  return { ...loss, scores: Object.fromEntries(Object.entries(scores).filter(([, score]) => Number.isFinite(score))) }
}

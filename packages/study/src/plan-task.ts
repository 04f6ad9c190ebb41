import { listTaskFiles, openTask, type TaskSplit, type TextTask } from '@isthmus/corpus'
import type { Node } from '@isthmus/dataflow'
import { graphOf, objectiveOf } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import { classifierConfig } from '@isthmus/training'
import { engineIdentity } from './engines.ts'
import type { StudyModel } from './open-models.ts'
import type { TaskTableValue } from './operations/artifacts.ts'
import { encodeTaskSplit } from './operations/encode-task.ts'
import { fineTune } from './operations/fine-tune.ts'
import { sampleTask } from './operations/sample-task.ts'
import type { SettingSources } from './setting-sources.ts'
import type { StudySettings } from './settings.ts'

/** A task of a study, with what is made of its files. */
export interface PlannedTask {
  readonly task: TextTask
  readonly train: Node<TaskTableValue>
  readonly validation: Node<TaskTableValue>
  /** What of the training set features are matched on. */
  readonly sample: Node<TaskTableValue>
}

/** Lay out the reading of a study's task.
 *
 *  @param models Models of one vocabulary.
 *  @returns Null where the study has no task.
 *  @throws {UserError} naming the setting, the folder or the model that does not fit.
 */
export async function planTask(
  { task: folder, fineTuning, alignment }: StudySettings,
  models: readonly StudyModel[],
  sources: SettingSources,
): Promise<PlannedTask | null> {
  if (folder === null) return null
  if (!alignment.specialTokens) {
    throw new UserError(
      `alignment.specialTokens is false, but a classifier reads [CLS]: leave it at true for the task ${folder}`,
    )
  }
  const task = await openTask(sources.resolvePath(folder))
  const { id, labels, tsv, parquet } = task
  const maxTokens = Math.min(fineTuning.maxTokens, ...models.map(({ maxPositions }) => maxPositions))
  const encode = async (split: TaskSplit) => {
    const files = await sources.open({ kind: 'task', path: folder, part: split }, (path) =>
      listTaskFiles(path, task, split),
    )
    return encodeTaskSplit.node(
      { files, tokenizer: models[0]!.tokenizer },
      { task: { id, labels, tsv, parquet }, maxTokens },
      { label: `tokenise the ${split} texts of ${id}` },
    )
  }
  const [train, validation] = [await encode('train'), await encode('validation')]
  const { fraction, seed } = alignment
  const sample =
    fraction === 1 ? train : sampleTask.node({ task: train }, { fraction, seed }, { label: `sample texts of ${id}` })
  return { task, train, validation, sample }
}

/** The models of a study as they are on its task: fine-tuned, where they do not classify already.
 *
 *  @param seeds Of the models.
 *  @throws {UserError} when a model cannot be fine-tuned, or has labels of another number than the task.
 */
export function modelsOnTask(
  models: readonly StudyModel[],
  planned: PlannedTask,
  { seeds, fineTuning }: Pick<StudySettings, 'seeds' | 'fineTuning'>,
): StudyModel[] {
  return models.map((model, index) =>
    objectiveOf(model.graph) === 'textClassification'
      ? classifierOf(model, planned.task)
      : fineTuned(model, planned, fineTuning, seeds[index]!),
  )
}

function classifierOf(model: StudyModel, { id, labels }: TextTask): StudyModel {
  const found = model.graph.shapes[model.graph.outputs.logits!]!.at(-1)
  const expected = labels.kind === 'classes' ? labels.names.length : 1
  if (found === expected) return model
  throw new UserError(
    `${model.name} has ${found} labels, but the task ${id} has ${expected}: choose models that were fine-tuned on it, or ` +
      'that have no classifier yet',
  )
}

function fineTuned(
  base: StudyModel,
  { task, train }: PlannedTask,
  settings: StudySettings['fineTuning'],
  seed: number,
): StudyModel {
  const classes = task.labels.kind === 'classes' ? task.labels.names : null
  const config = classifierConfig(base.config, classes, base.name)
  const { epochs, batchSize, warmup, headSeed, order, executionProvider, maxTokens: _, ...recipe } = settings
  const checkpoint = fineTune.node(
    { base: base.checkpoint, task: train },
    {
      recipe: {
        ...recipe,
        seed: order === 'shared' ? recipe.seed : recipe.seed + 1 + seed,
        finalLearningRate: 0,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
      },
      epochs: epochs ?? (task.id === 'mrpc' ? 5 : 3),
      batchSize,
      warmup,
      headSeed,
      engine: engineIdentity({ name: 'tfjs', executionProvider }),
    },
    { label: `fine-tune ${base.name} on ${task.id}` },
  )
  return {
    ...base,
    source: [base.source ?? [], `fine-tuned on ${task.id}`].flat().join(', '),
    config,
    checkpoint,
    graph: graphOf(config, base.name, { padding: false }),
    dtype: 'F32',
  }
}

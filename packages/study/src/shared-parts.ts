import { alignmentMethod } from '@isthmus/alignment'
import type { Node } from '@isthmus/dataflow'
import { engineIdentity } from './engines.ts'
import { type Evaluation, LossEvaluation, TaskEvaluation } from './evaluation.ts'
import { locateFamily } from './locate-family.ts'
import { type FolderModel, openModels, type StudyModel } from './open-models.ts'
import { AlignmentPlanner } from './plan-alignment.ts'
import { planEvaluation } from './plan-evaluation.ts'
import type { CurveNodes, StudyContext } from './plan-study.ts'
import { modelsOnTask, type PlannedTask, planTask } from './plan-task.ts'
import { remembered } from './remembered.ts'
import { SettingSources } from './setting-sources.ts'
import type { StudySettings } from './settings.ts'

/** What planning a study opens and lays out, by the settings that it depends on: variants of which these are equal share
 *  it.
 */
export class SharedParts {
  /** By all that they follow from. */
  readonly curves = new Map<string, CurveNodes>()
  readonly #context: StudyContext
  readonly #sources: SettingSources
  readonly #folders = new Map<string, Promise<readonly FolderModel[]>>()
  readonly #tasks = new Map<string, Promise<PlannedTask | null>>()
  readonly #models = new Map<string, Promise<readonly StudyModel[]>>()
  readonly #evaluations = new Map<string, Promise<Evaluation>>()
  readonly #alignments = new Map<string, Promise<AlignmentPlanner>>()

  constructor(context: StudyContext) {
    this.#context = context
    this.#sources = new SettingSources(context)
  }

  /** The models that are compared: those of the family, or what fine-tuning makes of them. */
  models(settings: StudySettings): Promise<readonly StudyModel[]> {
    return remembered(this.#models, modelSettings(settings), async () => {
      const [found, task] = [await this.#found(settings), await this.#task(settings)]
      return task === null ? found : modelsOnTask(found, task, settings)
    })
  }

  /** What losses, and scores, are taken on. */
  evaluation(settings: StudySettings): Promise<Evaluation> {
    return remembered(this.#evaluations, evaluationSettings(settings), async () => {
      const [models, task] = [await this.models(settings), await this.#task(settings)]
      const engine = engineIdentity(settings.engine)
      return task === null
        ? new LossEvaluation(await planEvaluation(settings, models[0]!, this.#sources), engine)
        : new TaskEvaluation(task, engine)
    })
  }

  /** How pairs of the models are aligned. */
  alignment(settings: StudySettings): Promise<AlignmentPlanner> {
    const { methods, books, images, alignment, transport, learned, capture, engine } = settings
    const own = { methods, books, images, alignment, transport, learned, capture, engine }
    return remembered(this.#alignments, [modelSettings(settings), own], async () => {
      const [models, task] = [await this.models(settings), await this.#task(settings)]
      const shared = { task: task?.sample ?? null, sources: this.#sources }
      return new AlignmentPlanner(own, models, methods.map(alignmentMethod), this.#context, shared)
    })
  }

  /** Compute the samples that features are matched on, of all variants that have asked for their alignment so far: side by
   *  side, where each variant by itself would compute its own, one after the other.
   */
  async computeSamples(): Promise<void> {
    const samples: Node[] = []
    for (const planner of this.#alignments.values()) samples.push(...(await (await planner).sampleNodes()))
    if (samples.length > 1) await this.#context.compute(samples)
  }

  #found({ family, seeds }: StudySettings): Promise<readonly FolderModel[]> {
    return remembered(this.#folders, [family, seeds], async () =>
      openModels(this.#context.cache, await locateFamily(family, seeds, this.#context)),
    )
  }

  #task(settings: StudySettings): Promise<PlannedTask | null> {
    return remembered(this.#tasks, [modelSettings(settings), settings.alignment], async () =>
      planTask(settings, await this.#found(settings), this.#sources),
    )
  }
}

/** The settings that a study's models follow from. */
function modelSettings({ family, seeds, task, fineTuning }: StudySettings): unknown {
  return [family, seeds, task, task === null ? null : fineTuning]
}

/** The settings that what losses are taken on follows from. */
export function evaluationSettings(settings: StudySettings): unknown {
  const { evaluation, wikitext, images, engine } = settings
  return [modelSettings(settings), evaluation, wikitext, images, engine]
}

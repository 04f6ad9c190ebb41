import { listWikiText } from '@isthmus/corpus'
import type { Node } from '@isthmus/dataflow'
import { objectiveOf } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import type { StudyModel } from './open-models.ts'
import type { EvaluationSetValue } from './operations/artifacts.ts'
import { evaluationBlocks, releasedCodeEvaluationBlocks } from './operations/evaluation-blocks.ts'
import { nextTokenEvaluationBlocks } from './operations/next-token-blocks.ts'
import { planImages } from './plan-images.ts'
import type { SettingSources } from './setting-sources.ts'
import type { StudySettings } from './settings.ts'

/** Lay out what losses are taken on. It follows from the models' objective, which is that of their head.
 *
 *  @param model One of the models, which are all of one architecture and vocabulary.
 *  @throws {UserError} when the models have no head, or one for which there are no data; naming the setting or the file
 *    that does not fit.
 */
export async function planEvaluation(
  settings: StudySettings,
  model: StudyModel,
  sources: SettingSources,
): Promise<Node<EvaluationSetValue>> {
  const objective = objectiveOf(model.graph)
  switch (objective) {
    case 'maskedLanguageModel':
    case 'nextToken':
      return planBlocks(objective, settings, model, sources)
    case 'imageClassification': {
      const { blocks: count, seed } = settings.evaluation
      const label = 'decode the evaluation images'
      return planImages({ folder: settings.images, split: 'test', fraction: 1, seed, count, label }, model, sources)
    }
    case 'textClassification':
      throw new UserError(
        `${model.name} classifies texts, and there are no labelled texts to take its loss on; set task to the folder of ` +
          'its task, or choose models with a language model head',
      )
    case null:
      throw new UserError(
        `${model.name} has no head, so that it has no loss; choose models that were saved with the head that they were ` +
          'trained with',
      )
  }
}

async function planBlocks(
  objective: 'maskedLanguageModel' | 'nextToken',
  { evaluation, wikitext }: StudySettings,
  model: StudyModel,
  sources: SettingSources,
): Promise<Node<EvaluationSetValue>> {
  const { protocol, ...masking } = evaluation
  const { blockSize, blocks } = masking
  if (blockSize > model.maxPositions) {
    throw new UserError(
      `evaluation.blockSize is ${blockSize}, but ${model.name} takes at most ${model.maxPositions} tokens: ` +
        `set evaluation.blockSize=${model.maxPositions} or less`,
    )
  }
  const text = await sources.open({ kind: 'text', path: wikitext }, listWikiText)
  const inputs = { text, tokenizer: model.tokenizer }
  if (objective === 'nextToken') {
    if (protocol === 'clean') {
      return nextTokenEvaluationBlocks.node(inputs, { blockSize, blocks }, { label: 'cut the evaluation text' })
    }
    throw new UserError(
      `evaluation.protocol ${protocol} is of masked language models, but ${model.name} predicts the next token: ` +
        'set evaluation.protocol=clean',
    )
  }
  const cut = protocol === 'clean' ? evaluationBlocks : releasedCodeEvaluationBlocks
  return cut.node(inputs, masking, {
    label: protocol === 'clean' ? 'mask the evaluation text' : 'split the evaluation text into characters and mask it',
  })
}

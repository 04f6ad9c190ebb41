import { copyFile } from 'node:fs/promises'
import { blockBatches, openTokenizer, readMaskedBlocks, readTokenStream } from '@isthmus/corpus'
import { type Cost, defineOperation, type InputArtifact, one } from '@isthmus/dataflow'
import { type Graph, graphOf, parameterCount } from '@isthmus/model'
import {
  initialization,
  initialParameters,
  lossOverBatches,
  pretrainingBatches,
  pretrainingPhase,
  type TrainingOptions,
  trainingRecipe,
} from '@isthmus/training'
import { z } from 'zod'
import {
  blocksArtifact,
  engineParam,
  tokenizerArtifact,
  tokenStreamArtifact,
  trainedCheckpointArtifact,
} from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'
import { assertEngineVersion } from './runtime.ts'
import { trainResumably } from './train-resumably.ts'
import { writeTrainedCheckpoint } from './write-trained-checkpoint.ts'

/** Blocks of validation in one forward pass. */
const validationBatch = 16

/** How a model is pretrained, but for the length of it. */
export const pretrainingParams = z.object({
  /** The content of the model's `config.json`. */
  config: z.record(z.string(), z.json()),
  initialization,
  phases: z.array(pretrainingPhase),
  tokensPerStep: z.int().positive(),
  maskProbability: z.number(),
  /** Its seed fixes the initial weights, the order and the places of the blocks, and the masks. */
  recipe: trainingRecipe,
  /** Steps between the points of the curve, and between losses on the validation text. */
  recordEvery: z.int().positive(),
  validateEvery: z.int().positive(),
  engine: engineParam,
})
export type PretrainingParams = z.output<typeof pretrainingParams>

/** Train a masked language model from nothing.
 *
 *  Blobs: a Hugging Face folder, `config.json`, `model.safetensors` and the tokenizer's files.
 */
export const pretrain = defineOperation({
  id: 'training.pretrain',
  version: 1,
  inputs: { tokens: one(tokenStreamArtifact), validation: one(blocksArtifact), tokenizer: one(tokenizerArtifact) },
  params: pretrainingParams,
  value: trainedCheckpointArtifact,
  cost: pretrainingCost,
  async run(context, { tokens, validation, tokenizer }, params) {
    const { config, recipe, engine } = params
    assertEngineVersion(engine)
    const graph = graphOf(config, 'config.json', { padding: false })
    const trained = await trainResumably(context, {
      parameters: initialParameters(graph, params.initialization, recipe.seed),
      recipe,
      executionProvider: engine.executionProvider,
      batch: await openBatches(tokens, tokenizer, params),
      recordEvery: params.recordEvery,
      validation: { every: params.validateEvery, loss: await openValidation(validation, graph) },
    })
    for (const [name, path] of Object.entries(await blobPaths(tokenizer))) {
      await copyFile(path, await context.createBlob(name))
    }
    return writeTrainedCheckpoint(context, config, graph, trained)
  },
})

/** Read the training text, and make the batches of a pretraining of it. */
export async function openBatches(
  tokens: InputArtifact,
  tokenizer: InputArtifact,
  params: Pick<PretrainingParams, 'config' | 'phases' | 'tokensPerStep' | 'maskProbability' | 'recipe'>,
): Promise<ReturnType<typeof pretrainingBatches>> {
  const { ids } = await readTokenStream(await tokens.path('tokens'))
  const encoder = await openTokenizer(await blobPaths(tokenizer))
  return pretrainingBatches({ ...params, ids, tokenizer: encoder, seed: params.recipe.seed })
}

/** The mean loss over the selected positions of the validation blocks. */
async function openValidation(validation: InputArtifact, graph: Graph) {
  const blocks = await readMaskedBlocks(await validation.path('blocks'))
  return (...[differentiator, parameters]: Parameters<NonNullable<TrainingOptions['validation']>['loss']>): number =>
    lossOverBatches(differentiator, graph, parameters, blockBatches(blocks, validationBatch))
}

/** Multiply-adds are six a weight and token, at some 50 GFLOP a second; memory is what a step's values take in f32, with
 *  their gradients and what a backend keeps for itself.
 */
function pretrainingCost({ config, tokensPerStep, recipe }: PretrainingParams): Cost {
  const graph = graphOf(config, 'config.json', { padding: false })
  const { nodes, shapes } = graph
  const weights = parameterCount(graph)
  const width = nodes.reduce((sum, { output }) => {
    const last = shapes[output]!.at(-1)
    return sum + (typeof last === 'number' ? last : 1)
  }, 0)
  return {
    cpuSeconds: (recipe.steps * tokensPerStep * 6 * weights) / 50e9,
    memoryBytes: 400e6 + 4 * (8 * weights + 3 * width * tokensPerStep),
  }
}

import { setImmediate } from 'node:timers/promises'
import { alignmentMethod, decoderOf, learnedComponents, learnMatching } from '@isthmus/alignment'
import { defineOperation, many, one } from '@isthmus/dataflow'
import { readAlignment } from '@isthmus/merging'
import { z } from 'zod'
import { matrixProduct, parametersOf } from './align-weights.ts'
import {
  alignmentArtifact,
  checkpointArtifact,
  correlationsArtifact,
  engineParam,
  learnedAlignmentArtifact,
  tokenBlocksArtifact,
  tokenizerArtifact,
} from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'
import { openPathObjective } from './path-objective.ts'
import { readMatchedFeatures, recordAlignment } from './record-alignment.ts'
import { assertEngineVersion, openModel } from './runtime.ts'

/** Learn what remains of an alignment within the symmetry group, by the loss on the straight path from A to the moved B.
 *
 *  `tokens` is what was read, by the start and by learning.
 */
export const learnAlignment = defineOperation({
  id: 'alignment.learn',
  version: 1,
  inputs: {
    a: one(checkpointArtifact),
    b: one(checkpointArtifact),
    start: one(alignmentArtifact),
    correlations: many(correlationsArtifact),
    blocks: one(tokenBlocksArtifact),
    tokenizer: one(tokenizerArtifact),
  },
  params: z.object({
    method: z.string(),
    steps: z.int(),
    learningRate: z.number(),
    lambdaRange: z.tuple([z.number(), z.number()]),
    evaluateEvery: z.int(),
    batchBlocks: z.int(),
    heldOutBlocks: z.int(),
    /** Null where the next token is predicted. */
    maskProbability: z.number().nullable(),
    seed: z.int(),
    engine: engineParam,
  }),
  value: learnedAlignmentArtifact,
  async run(context, inputs, params) {
    const { engine, batchBlocks } = params
    assertEngineVersion(engine)
    const method = alignmentMethod(params.method)
    const options = { padding: false, decoder: decoderOf(method.space) }
    await using modelA = await openModel(inputs.a, options)
    await using modelB = await openModel(inputs.b, options)
    const { graph } = modelA
    const objective = await openPathObjective(graph, {
      ...params,
      blocks: await inputs.blocks.path('blocks'),
      tokenizer: await blobPaths(inputs.tokenizer),
      executionProvider: engine.executionProvider,
      batchSize: batchBlocks,
    })
    const start = await readAlignment(await inputs.start.path('permutations'))
    const { alignment, curve, bestStep } = await learnMatching(start, {
      graph,
      a: await parametersOf(modelA),
      b: await parametersOf(modelB),
      components: learnedComponents(method.steps),
      objective,
      settings: params,
      product: await matrixProduct(engine),
      async onStep(done, total) {
        context.progress(done, total)
        // Lets messages in: an abort, for one.
        await setImmediate()
        context.signal.throwIfAborted()
      },
    })
    const { correlation } = await readMatchedFeatures(inputs.correlations)
    const tokens = (inputs.start.value.tokens ?? 0) + objective.tokensRead()
    const recorded = await recordAlignment(context, method, graph, alignment, { correlation, tokens })
    return { ...recorded, curve: [...curve], bestStep }
  },
})

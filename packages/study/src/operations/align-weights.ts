import { alignmentMethod, alignWeights, decoderOf, type MatrixProduct, matrixProductGraph } from '@isthmus/alignment'
import { defineOperation, many, one } from '@isthmus/dataflow'
import { readWeights } from '@isthmus/merging'
import { z } from 'zod'
import {
  alignmentArtifact,
  checkpointArtifact,
  correlationsArtifact,
  type EngineParam,
  engineParam,
} from './artifacts.ts'
import { readMatchedFeatures, recordAlignment } from './record-alignment.ts'
import { openModel, programOf, type RunningModel } from './runtime.ts'

/** Choose how a method moves B from the weights of both models, and from correlations where it matches features too. */
export const alignModelWeights = defineOperation({
  id: 'alignment.align-weights',
  version: 1,
  inputs: { a: one(checkpointArtifact), b: one(checkpointArtifact), correlations: many(correlationsArtifact) },
  params: z.object({
    method: z.string(),
    /** Null for methods without soft transports, whose results do not depend on it. */
    sinkhorn: z.object({ regularization: z.number(), tolerance: z.number(), maxIterations: z.int() }).nullable(),
    engine: engineParam,
  }),
  value: alignmentArtifact,
  async run(context, { a, b, correlations }, { method: name, sinkhorn, engine }) {
    const method = alignmentMethod(name)
    const options = { padding: false, decoder: decoderOf(method.space) }
    await using modelA = await openModel(a, options)
    await using modelB = await openModel(b, options)
    const { graph } = modelA
    const features = await readMatchedFeatures(correlations)
    const alignment = await alignWeights(method, {
      graph,
      correlation: features.correlation,
      a: await parametersOf(modelA),
      b: await parametersOf(modelB),
      product: await matrixProduct(engine),
      ...(sinkhorn === null ? {} : { sinkhorn }),
      onProgress: (settled, blocks) => context.progress(settled, blocks),
    })
    const settings: Record<string, string> = sinkhorn === null ? {} : { sinkhorn: JSON.stringify(sinkhorn) }
    return recordAlignment(context, method, graph, alignment, features, settings)
  },
})

/** All parameters of an open model. */
export function parametersOf({ read, graph }: RunningModel) {
  return readWeights(
    read,
    graph.parameters.map(({ name }) => name),
  )
}

/** Products of matrices by an engine. */
export async function matrixProduct(engine: EngineParam): Promise<MatrixProduct> {
  const programs = {
    left: await programOf(engine, matrixProductGraph('left'), ['product']),
    right: await programOf(engine, matrixProductGraph('right'), ['product']),
  }
  return async (left, right, transposed) => {
    const { product } = await programs[transposed].run(new Map(), { left, right })
    return product!.data
  }
}

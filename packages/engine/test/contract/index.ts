import { beforeAll, describe } from 'vitest'
import type { Engine } from '../../src/engine.ts'
import { agreement } from './agreement.ts'
import { feedErrors } from './feed-errors.ts'
import { hiddenPadding } from './hidden-padding.ts'
import { requestedOutputs } from './requested-outputs.ts'
import { weightsAreInputs } from './weights-are-inputs.ts'

export { drawFeeds, drawWeights } from './draw-feeds.ts'
export { relativeDifference } from './expect-agreement.ts'
export { longAttentionGraphs, type OperatorGraph, operatorGraphs } from './operator-graphs.ts'
export { smallFeeds, smallGraph } from './random-bert.ts'
export { type SmallModel, smallModels } from './small-models.ts'

/** Define the tests that every engine passes, for one of them.
 *
 *      engineContract('onnx', () => onnxEngine.create({ executionProvider: 'cpu' }))
 *
 *  An engine computes what `interpret` computes in f64, to rounding in f32; weights are inputs, and a program keeps
 *  nothing between runs; results are the caller's, and the same bits each time; what is fed wrongly is said in a sentence.
 *  @param makeEngine Called once.
 */
export function engineContract(name: string, makeEngine: () => Promise<Engine>): void {
  describe(`the engine contract: ${name}`, () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await makeEngine()
    })
    agreement(() => engine)
    weightsAreInputs(() => engine)
    requestedOutputs(() => engine)
    hiddenPadding(() => engine)
    feedErrors(() => engine)
  })
}

import { drawFeeds } from '@isthmus/engine/contract'
import { bert, randomParameters } from '@isthmus/model'
import * as tf from '@tensorflow/tfjs'
import { dropoutSites, evaluateGraph } from '../src/gradients.ts'
import { toTensor } from './derivatives.ts'

const graph = bert({
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 8,
  vocabSize: 11,
  maxPositionEmbeddings: 6,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
})
const sizes = new Map(Object.entries({ batch: 2, sequence: 6, selected: 4 }))
const limits = { inputIds: 11, tokenTypeIds: 2, attentionMask: 2, selectedPositions: 12, labels: 11 }

/** A small BERT in training: steps of gradient descent with dropout, all seeded. */
export function startTraining(): { step(): number; weights(): Float32Array[]; dispose(): void } {
  const parameters = randomParameters(graph, 1)
  const variables = new Map(
    [...parameters].map(([name, values]) => [name, tf.tidy(() => tf.variable(toTensor(values)))]),
  )
  const batch = Object.entries(drawFeeds(graph, sizes, limits, 2)).map(([name, { data, shape }]) => [
    name,
    tf.tensor(data, [...shape], 'int32'),
  ])
  const feeds: Record<string, tf.Tensor> = Object.fromEntries(batch)
  const sites = dropoutSites(graph)
  let drawn = 0
  const dropoutMask = (node: { output: string }, shape: readonly number[]) =>
    sites.has(node.output) ? tf.tensor(drawMask(tf.util.sizeFromShape([...shape]), drawn++), [...shape]) : null
  const loss = () => {
    const outputs = evaluateGraph(graph, variables, feeds, ['negativeLogLikelihood'], { dropoutMask })
    return tf.mean(outputs.negativeLogLikelihood!) as tf.Scalar
  }
  return {
    step: () =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(loss)
        for (const variable of variables.values())
          variable.assign(tf.sub(variable, tf.mul(grads[variable.name]!, 0.05)))
        return value.dataSync()[0]!
      }),
    weights: () => [...variables.values()].map((variable) => variable.dataSync<'float32'>().slice()),
    dispose: () => tf.dispose([[...variables.values()], feeds]),
  }
}

/** A quarter of the elements zero, the others 4/3: the seed says which. */
function drawMask(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => ((i * 7 + seed * 3) % 4 === 0 ? 0 : 4 / 3))
}

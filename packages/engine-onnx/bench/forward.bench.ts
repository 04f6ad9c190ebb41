/** How much of ONNX Runtime's own MatMul rate a whole forward pass reaches, and where the rest goes.
 *
 *  The rival is ONNX Runtime multiplying matrices of the shapes that the forward pass multiplies, in the same run and
 *  in turn with it. Rates count the arithmetic of matrix products only, on both sides.
 */
import { selectFeeds } from '@isthmus/engine'
import { bert } from '@isthmus/model'
import { elementCount, type Tensor } from '@isthmus/tensor'
import { onnxEngine } from '../src/index.ts'
import { linearProducts, type MatrixProduct, productFlops, productGraph } from './matrix-products.ts'
import { measureInTurn } from './measure-in-turn.ts'

const [batch, sequence, selectedPerBlock] = [8, 128, 19]
const config = {
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  vocabSize: 30522,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
} as const
const engine = await onnxEngine.create({ executionProvider: 'cpu' })

const graph = bert(config, { padding: false })
const weights = new Map(graph.parameters.map(({ name, shape }) => [name, constantlySeeded(shape)]))
const selected = batch * selectedPerBlock
const feeds = {
  inputIds: { shape: [batch, sequence], data: new Int32Array(batch * sequence).map((_, i) => (i * 7919) % 30522) },
  tokenTypeIds: { shape: [batch, sequence], data: new Int32Array(batch * sequence) },
  selectedPositions: { shape: [selected], data: new Int32Array(selected).map((_, i) => i * 6) },
  labels: { shape: [selected], data: new Int32Array(selected) },
}
process.stdout.write(`BERT-base, ${batch} × ${sequence} tokens, 1 thread
`)
await measure(`evaluation, ${selected} positions decoded`, ['negativeLogLikelihood'])
await measure(
  'capture of all features of the encoder',
  graph.taps.filter(({ site }) => site !== 'mlmHead').map(({ name }) => name),
)

/** Print the rate of one use of the model beside those of its products. */
async function measure(what: string, outputs: readonly string[]): Promise<void> {
  const program = await engine.compile(graph, { outputs })
  const used = {
    weights: new Map(program.parameters.map((name) => [name, weights.get(name)!])),
    feeds: selectFeeds(program, feeds),
    into: new Map(),
  }
  const products = linearProducts(graph, outputs, (leading) =>
    leading[0] === 'selected' ? selected : batch * sequence,
  )
  const total = products.reduce((sum, product) => sum + productFlops(product), 0)
  const forward = () => program.run(used.weights, used.feeds, used.into)
  const seconds = await measureInTurn(
    [forward, await productsAlone(products, false), await productsAlone(products, true)],
    7,
  )
  const [ours, plain, transposed] = seconds.map((time) => total / time / 1e9) as [number, number, number]
  process.stdout.write(
    `${what}, ${(total / 1e9).toFixed(0)} GFLOP of matrix products\n` +
      `  forward pass                                     ${ours.toFixed(1)} GFLOP/s\n` +
      `  its matrix products alone, by MatMul             ${plain.toFixed(1)} GFLOP/s\n` +
      `  the same with the weights as they are stored     ${transposed.toFixed(1)} GFLOP/s\n` +
      `  ratio to the faster                              ${(ours / Math.max(plain, transposed)).toFixed(3)}\n`,
  )
  await program.dispose()
}

/** A run of all products of the forward pass, one after the other. */
async function productsAlone(
  products: readonly MatrixProduct[],
  weightsAreTransposed: boolean,
): Promise<() => Promise<void>> {
  const runs = await Promise.all(
    products.map(async (product) => {
      const program = await engine.compile(productGraph(product, weightsAreTransposed), { outputs: ['product'] })
      const left = constantlySeeded([product.rows, product.inner])
      const { inner, columns } = product
      const right = constantlySeeded(weightsAreTransposed ? [columns, inner] : [inner, columns])
      return { times: product.times, run: () => program.run(new Map(), { left, right }) }
    }),
  )
  return async () => {
    for (const { times, run } of runs) for (let i = 0; i < times; i++) await run()
  }
}

function constantlySeeded(shape: readonly number[]): Tensor {
  const data = new Float32Array(elementCount(shape))
  let state = 1
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = (state / 2 ** 32 - 0.5) * 0.05
  }
  return { shape, data }
}

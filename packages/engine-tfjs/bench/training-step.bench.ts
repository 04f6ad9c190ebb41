/** How fast TensorFlow.js trains: the loss of a masked language model and all its gradients, on each backend that this
 *  machine has, in turn with PyTorch in a process of its own where `python3` (or `$PYTHON`) has it.
 *
 *  Tokens a second of processor time, by the fastest of some rounds; then the kernels that the time goes to.
 */
import { bert, type Graph, randomParameters } from '@isthmus/model'
import * as tf from '@tensorflow/tfjs'
import { evaluateGraph, openBackend } from '../src/gradients.ts'
import { type BackendName, backendNames, inspectBackend } from '../src/index.ts'
import { startPytorch } from './start-pytorch.ts'

const [batch, sequence, selected, rounds] = [32, 128, 614, 5]
const sizes = {
  hiddenSize: 128,
  numHiddenLayers: 4,
  numAttentionHeads: 4,
  intermediateSize: 512,
  vocabSize: 4096,
  maxPositionEmbeddings: 128,
}
const graph = bert(
  { ...sizes, typeVocabSize: 2, layerNormEps: 1e-12, hiddenAct: 'gelu', tieWordEmbeddings: true },
  { padding: false },
)
const tasks = ['forward', 'step'] as const

/** One of those that are compared: seconds of processor time that a task takes it. */
interface Rival {
  readonly name: string
  seconds(task: (typeof tasks)[number]): Promise<number>
}

const backends = backendNames.filter((name) => name !== 'javascript' && inspectBackend(name).available)
const pytorch = await startPytorch({ model: sizes, batch, sequence, selected })
const rivals: Rival[] = []
for (const name of backends) rivals.push(await rival(name, graph))
if (pytorch !== null) rivals.push({ name: 'PyTorch, eager', seconds: (task) => pytorch.seconds(task) })

process.stdout.write(
  `BERT, 4 layers × 128, feed-forward 512, vocabulary 4,096; ${batch} × ${sequence} tokens, ${selected} decoded; 1 thread\n`,
)
const fastest = new Map<string, number>()
for (const task of tasks) {
  for (let round = 0; round <= rounds; round++) {
    for (const { name, seconds } of rivals) {
      const taken = await seconds(task)
      const key = `${name} ${task}`
      if (round > 0) fastest.set(key, Math.min(taken, fastest.get(key) ?? Number.POSITIVE_INFINITY))
    }
  }
  for (const { name } of rivals) {
    const time = fastest.get(`${name} ${task}`)!
    const reference = fastest.get(`PyTorch, eager ${task}`)
    const ratio = reference === undefined ? '' : `${(reference / time).toFixed(2)} of PyTorch`
    const rate = Math.round((batch * sequence) / time).toLocaleString('en')
    process.stdout.write(`${task.padEnd(8)} ${name.padEnd(15)} ${rate.padStart(7)} tokens a CPU-second  ${ratio}\n`)
  }
}
pytorch?.stop()
for (const name of backends) process.stdout.write(`${name}: ${await kernelShares(name)}\n`)

async function rival(name: BackendName, graph: Graph): Promise<Rival> {
  const backend = await openBackend(name)
  const run = { forward: forwardTask(graph), step: stepTask(graph) }
  return {
    name,
    async seconds(task) {
      backend.activate()
      const start = process.cpuUsage()
      run[task]()
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1e6
    },
  }
}

/** The loss as a function of the parameters, in the graph's order. */
function lossOf(graph: Graph): { loss: (...values: tf.Tensor[]) => tf.Scalar; values: tf.Tensor[] } {
  const parameters = randomParameters(graph, 1)
  const indices = (limit: number, ...shape: number[]) =>
    tf.tensor(
      Int32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => (i * 7919) % limit),
      shape,
      'int32',
    )
  const feeds = {
    inputIds: indices(sizes.vocabSize, batch, sequence),
    tokenTypeIds: tf.zeros([batch, sequence], 'int32'),
    selectedPositions: indices(batch * sequence, selected),
    labels: indices(sizes.vocabSize, selected),
  }
  return {
    values: [...parameters.values()].map(({ shape, data }) =>
      tf.tensor(
        Float32Array.from(data, (x) => x * 0.05),
        [...shape],
      ),
    ),
    loss: (...values) => {
      const named = new Map([...parameters.keys()].map((name, i) => [name, values[i]!]))
      const { negativeLogLikelihood } = evaluateGraph(graph, named, feeds, ['negativeLogLikelihood'])
      return tf.mean(negativeLogLikelihood!)
    },
  }
}

function forwardTask(graph: Graph): () => void {
  const { loss, values } = lossOf(graph)
  return () => tf.tidy(() => void loss(...values).dataSync())
}

function stepTask(graph: Graph): () => void {
  const { loss, values } = lossOf(graph)
  const valueAndGradients = tf.valueAndGrads(loss)
  return () =>
    tf.tidy(() => {
      const { value, grads } = valueAndGradients(values)
      for (const computed of [value, ...grads]) computed.dataSync()
    })
}

/** What part of a step each kernel takes, the largest first. */
async function kernelShares(name: BackendName): Promise<string> {
  const backend = await openBackend(name)
  backend.activate()
  const step = stepTask(graph)
  step()
  const { kernels } = await tf.profile(() => {
    step()
    return tf.scalar(0)
  })
  const times = new Map<string, number>()
  for (const { name: kernel, kernelTimeMs } of kernels) {
    // What has a gradient of its own is listed as a scope, and the kernels in it again.
    if (kernel !== 'unnamed scope') times.set(kernel, (times.get(kernel) ?? 0) + Number(kernelTimeMs))
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  const shares = [...times].sort(([, a], [, b]) => b - a).slice(0, 8)
  return shares.map(([kernel, time]) => `${kernel} ${Math.round((100 * time) / total)} %`).join(', ')
}

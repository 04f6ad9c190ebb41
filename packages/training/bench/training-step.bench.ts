/** How fast models are trained here: the loss of a masked language model, its gradients, and the whole step with clipping and
 *  AdamW, on each backend of TensorFlow.js that this machine has, in turn with PyTorch in a process of its own where
 *  `python3` (or `$PYTHON`) has it.
 *
 *  Tokens a second of processor time, by the fastest of some rounds; then the kernels that the gradients' time goes to.
 */
import { join } from 'node:path'
import { type BackendName, backendNames, inspectBackend } from '@isthmus/engine-tfjs'
import { openBackend } from '@isthmus/engine-tfjs/gradients'
import { bert, randomParameters } from '@isthmus/model'
import { tensor } from '@isthmus/tensor'
import { startPythonRival } from '@isthmus/tensor/bench/python-rival'
import * as tf from '@tensorflow/tfjs'
import { AdamW, clippingScale, type Differentiator, openDifferentiator } from '../src/index.ts'

/** What is timed: the loss alone; with its gradients; with clipping and AdamW's update as well. */
const trainingTasks = ['forward', 'gradients', 'step'] as const

type TrainingTask = (typeof trainingTasks)[number]

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
const indices = (limit: number, ...shape: number[]) =>
  tensor(
    Int32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => (i * 7919) % limit),
    shape,
  )
const feeds = {
  inputIds: indices(sizes.vocabSize, batch, sequence),
  tokenTypeIds: indices(1, batch, sequence),
  selectedPositions: indices(batch * sequence, selected),
  labels: indices(sizes.vocabSize, selected),
}

/** One of those that are compared: seconds of processor time that a task takes it. */
interface Rival {
  readonly name: string
  seconds(task: TrainingTask): Promise<number>
}

const backends = backendNames.filter((name) => name !== 'javascript' && inspectBackend(name).available)
const pytorch = startPythonRival(
  join(import.meta.dirname, 'training_step.py'),
  ['torch'],
  JSON.stringify({ model: sizes, batch, sequence, selected }),
)
const rivals: Rival[] = []
for (const name of backends) rivals.push(await rival(name))
if (pytorch !== null) rivals.push({ name: 'PyTorch, eager', seconds: async (task) => Number(await pytorch.ask(task)) })

process.stdout.write(
  `BERT, 4 layers × 128, feed-forward 512, vocabulary 4,096; ${batch} × ${sequence} tokens, ${selected} decoded; 1 thread\n`,
)
const fastest = new Map<string, number>()
for (const task of trainingTasks) {
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
    process.stdout.write(`${task.padEnd(9)} ${name.padEnd(15)} ${rate.padStart(7)} tokens a CPU-second  ${ratio}\n`)
  }
}
pytorch?.stop()
for (const name of backends) process.stdout.write(`${name}: ${await kernelShares(name)}\n`)

async function rival(name: BackendName): Promise<Rival> {
  const run = tasksOn(await openDifferentiator(name))
  return {
    name,
    async seconds(task) {
      const start = process.cpuUsage()
      run[task]()
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1e6
    },
  }
}

/** The tasks on the model with small random weights. */
function tasksOn(differentiator: Differentiator): Record<TrainingTask, () => void> {
  const parameters = new Map(
    [...randomParameters(graph, 1)].map(([name, { shape, data }]) => [
      name,
      tensor(
        Float32Array.from(data, (x) => x * 0.05),
        shape,
      ),
    ]),
  )
  const optimizer = new AdamW(parameters, { betas: [0.9, 0.98], epsilon: 1e-8, weightDecay: 0.01 })
  return {
    forward: () => void differentiator.loss(graph, parameters, feeds),
    gradients: () => void differentiator.gradients(graph, parameters, feeds),
    step: () => {
      const { gradients } = differentiator.gradients(graph, parameters, feeds)
      optimizer.step(gradients, 1e-4, clippingScale(gradients, 1))
    },
  }
}

/** What part of the gradients' time each kernel takes, the largest first. */
async function kernelShares(name: BackendName): Promise<string> {
  const { gradients } = tasksOn(await openDifferentiator(name))
  ;(await openBackend(name)).activate()
  gradients()
  const { kernels } = await tf.profile(() => {
    gradients()
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

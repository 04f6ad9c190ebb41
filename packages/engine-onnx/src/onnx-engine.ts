import {
  type CompileOptions,
  checkFeeds,
  type Engine,
  type EngineFactory,
  type EngineIdentity,
  type EngineOptions,
  type Feeds,
  type Program,
  resolveShape,
  type Weights,
} from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import { elementCount, type Tensor, UserError } from '@isthmus/tensor'
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import packageJson from '../package.json' with { type: 'json' }
import { type LoweredGraph, lowerGraph } from './lower-graph.ts'
import { encodeOnnxModel } from './onnx-model.ts'

type OnnxRuntime = typeof import('onnxruntime-node')

/** ONNX Runtime on this machine: the embedded default. Its binary is in its package, for all platforms it supports. */
export const onnxEngine: EngineFactory = {
  name: 'onnx',
  identity({ executionProvider }): EngineIdentity {
    return { name: 'onnx', version: packageJson.dependencies['onnxruntime-node'], executionProvider }
  },
  async create(options): Promise<Engine> {
    const runtime = await import('onnxruntime-node')
    assertProvider(runtime, options)
    return {
      identity: onnxEngine.identity(options),
      compile: (graph, compileOptions) => compile(runtime, options, graph, compileOptions),
    }
  },
}

/** The execution providers that the installed ONNX Runtime was built with. */
export async function executionProviders(): Promise<string[]> {
  const { listSupportedBackends } = await import('onnxruntime-node')
  return listSupportedBackends().map(({ name }) => name)
}

function assertProvider({ listSupportedBackends }: OnnxRuntime, { executionProvider }: EngineOptions): void {
  const available = listSupportedBackends().map(({ name }) => name)
  if (available.includes(executionProvider)) return
  const hint =
    executionProvider === 'cuda'
      ? "; its CUDA build is fetched by onnxruntime-node's own install script (npm rebuild onnxruntime-node --ignore-scripts=false), or choose executionProvider cpu"
      : ''
  throw new UserError(
    `the installed ONNX Runtime has no execution provider '${executionProvider}', only ${available.join(', ')}${hint}`,
  )
}

async function compile(
  { InferenceSession: Session, Tensor: OnnxTensor }: OnnxRuntime,
  { executionProvider }: EngineOptions,
  graph: Graph,
  { outputs, threads = 1 }: CompileOptions,
): Promise<Program> {
  const lowered = lowerGraph(graph, outputs)
  const session = await Session.create(encodeOnnxModel(lowered.model), {
    executionProviders: [executionProvider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
  const makeTensor = (value: Tensor | Tensor<Int32Array>): OnnxTensor =>
    value.data instanceof Int32Array
      ? new OnnxTensor('int32', value.data, value.shape)
      : new OnnxTensor('float32', value.data, value.shape)
  return {
    inputs: lowered.graph.inputs.map(({ name }) => name),
    parameters: lowered.graph.parameters.map(({ name }) => name),
    run: (weights, feeds) => runSession(session, lowered, makeTensor, weights, feeds),
    dispose: () => session.release(),
  }
}

/** Results are written by the runtime straight into new arrays of ours: their sizes follow from the feeds. */
async function runSession(
  session: InferenceSession,
  { graph, model, results }: LoweredGraph,
  makeTensor: (value: Tensor | Tensor<Int32Array>) => OnnxTensor,
  weights: Weights,
  feeds: Feeds,
): Promise<Record<string, Tensor>> {
  const sizes = checkFeeds(graph, weights, feeds)
  const fed: Record<string, OnnxTensor> = {}
  for (const { name } of graph.inputs) fed[name] = makeTensor(feeds[name]!)
  for (const { name } of graph.parameters) fed[name] = makeTensor(weights.get(name)!)
  const tensors: Record<string, Tensor> = {}
  const fetches: Record<string, OnnxTensor> = {}
  for (const [name, { output, shape }] of results) {
    const resolved = resolveShape(shape, sizes)
    const data = new Float32Array(elementCount(resolved))
    const declared = model.outputs.find((value) => value.name === output)!.shape.length
    const rows = resolved.length > declared ? [data.length / resolved.at(-1)!, resolved.at(-1)!] : resolved
    tensors[name] = { shape: resolved, data }
    fetches[output] = makeTensor({ shape: rows, data })
  }
  await session.run(fed, fetches)
  return tensors
}

import {
  type CompileOptions,
  checkFeeds,
  type Engine,
  type EngineFactory,
  type EngineIdentity,
  type EngineOptions,
  type Feeds,
  type OutputBuffers,
  type Program,
  resolveShape,
  type Weights,
} from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import { elementCount, type Tensor, UserError } from '@isthmus/tensor'
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import packageJson from '../package.json' with { type: 'json' }
import { type LoweredGraph, type LoweringOptions, lowerGraph, loweringRevision } from './lower-graph.ts'
import { encodeOnnxModel } from './onnx-model.ts'
import { type OnnxRuntime, quietRuntime, remedies, startProvider } from './start-provider.ts'

/** ONNX Runtime on this machine: the embedded default. Its binary is in its package, for all platforms it supports. */
export const onnxEngine: EngineFactory = {
  name: 'onnx',
  identity({ executionProvider }): EngineIdentity {
    const lowering = `${loweringRevision}${loweringFor(executionProvider).plainAttention ? '.plain' : ''}`
    const version = `${packageJson.dependencies['onnxruntime-node']}+lowering.${lowering}`
    return { name: 'onnx', version, executionProvider }
  },
  async create(options): Promise<Engine> {
    const runtime = await quietRuntime()
    if (options.executionProvider !== 'cpu') await assertProvider(runtime, options)
    return {
      identity: onnxEngine.identity(options),
      compile: (graph, compileOptions) => compile(runtime, options, graph, compileOptions),
    }
  },
}

/** WebGPU's `MultiHeadAttention` takes no mask, and computes wrongly over 32 tokens and more. */
function loweringFor(executionProvider: string): LoweringOptions {
  return { plainAttention: executionProvider === 'webgpu' }
}

async function assertProvider(runtime: OnnxRuntime, { executionProvider }: EngineOptions): Promise<void> {
  const known = runtime.listSupportedBackends().map(({ name }) => name)
  if (!known.includes(executionProvider)) {
    throw new UserError(
      `ONNX Runtime has no execution provider '${executionProvider}' on this platform; it has ${known.join(', ')}`,
    )
  }
  const reason = await startProvider(runtime, executionProvider)
  if (reason === null) return
  const remedy = remedies[executionProvider]
  throw new UserError(
    `the execution provider '${executionProvider}' does not start here (${reason})` +
      `${remedy === undefined ? '' : `; ${remedy}`}, or choose executionProvider cpu`,
  )
}

async function compile(
  { InferenceSession: Session, Tensor: OnnxTensor }: OnnxRuntime,
  { executionProvider }: EngineOptions,
  graph: Graph,
  { outputs, threads = 1 }: CompileOptions,
): Promise<Program> {
  const lowered = lowerGraph(graph, outputs, loweringFor(executionProvider))
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
    run: (weights, feeds, into) => runSession(session, lowered, makeTensor, weights, feeds, into),
    dispose: () => session.release(),
  }
}

/** Results are written by the runtime straight into arrays of ours: their sizes follow from the feeds. */
async function runSession(
  session: InferenceSession,
  { graph, model, results }: LoweredGraph,
  makeTensor: (value: Tensor | Tensor<Int32Array>) => OnnxTensor,
  weights: Weights,
  feeds: Feeds,
  into: OutputBuffers | undefined,
): Promise<Record<string, Tensor>> {
  const sizes = checkFeeds(graph, weights, feeds)
  const fed: Record<string, OnnxTensor> = {}
  for (const { name } of graph.inputs) fed[name] = makeTensor(feeds[name]!)
  for (const { name } of graph.parameters) fed[name] = makeTensor(weights.get(name)!)
  const fetched = new Map<string, Tensor>()
  const fetches: Record<string, OnnxTensor> = {}
  for (const { output, shape } of results.values()) {
    if (fetched.has(output)) continue
    const resolved = resolveShape(shape, sizes)
    const data = outputBuffer(into, output, elementCount(resolved))
    const declared = model.outputs.find((value) => value.name === output)!.shape.length
    const rows = resolved.length > declared ? [data.length / resolved.at(-1)!, resolved.at(-1)!] : resolved
    fetched.set(output, { shape: resolved, data })
    fetches[output] = makeTensor({ shape: rows, data })
  }
  await session.run(fed, fetches)
  return ownedResults(results, fetched)
}

/** The start of a buffer that is long enough, or a new one, which is left for the next run. */
function outputBuffer(into: OutputBuffers | undefined, output: string, length: number): Float32Array {
  const earlier = into?.get(output)
  if (earlier !== undefined && earlier.length >= length) return earlier.subarray(0, length)
  const data = new Float32Array(length)
  into?.set(output, data)
  return data
}

/** Two names may ask for one value: the second gets a copy. */
function ownedResults(results: LoweredGraph['results'], fetched: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {}
  const given = new Set<string>()
  for (const [name, { output }] of results) {
    const { shape, data } = fetched.get(output)!
    tensors[name] = { shape, data: given.has(output) ? data.slice() : data }
    given.add(output)
  }
  return tensors
}

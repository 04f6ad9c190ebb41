import {
  type CompileOptions,
  checkFeeds,
  type Engine,
  type EngineFactory,
  type EngineIdentity,
  type Program,
  pruneGraph,
} from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { resolveBackend } from './backends.ts'
import type { OpenBackend } from './open-backend.ts'

/** To be raised with each change of the interpreter that changes bits: it is part of the engine's identity. */
const interpreterRevision = 1

/** TensorFlow.js on the backends that this machine has. Execution providers are the backends' names, and `auto` and `cpu`,
 *  which stand for the fastest here: the identity names the backend itself, so that keys tell what computed a result.
 */
export const tfjsEngine: EngineFactory = {
  name: 'tfjs',
  identity({ executionProvider }): EngineIdentity {
    const { name, version } = resolveBackend(executionProvider)
    return { name: 'tfjs', version: `${version}+interpreter.${interpreterRevision}`, executionProvider: name }
  },
  async create(options): Promise<Engine> {
    const identity = tfjsEngine.identity(options)
    const { openBackend } = await import('./open-backend.ts')
    const backend = await openBackend(identity.executionProvider)
    return { identity, compile: (graph, compileOptions) => compile(backend, graph, compileOptions) }
  },
}

/** Threads are set when the backend is loaded: see `openBackend`. */
async function compile(backend: OpenBackend, graph: Graph, { outputs }: CompileOptions): Promise<Program> {
  const tf = await import('@tensorflow/tfjs')
  const { evaluateGraph } = await import('./evaluate-graph.ts')
  const { graph: needed } = pruneGraph(graph, outputs)
  const toTensor = ({ data, shape }: Tensor | Tensor<Int32Array>) =>
    tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32')
  return {
    inputs: needed.inputs.map(({ name }) => name),
    parameters: needed.parameters.map(({ name }) => name),
    async run(weights, feeds) {
      checkFeeds(needed, weights, feeds)
      backend.activate()
      const results: Record<string, Tensor> = {}
      tf.tidy(() => {
        const parameters = new Map(needed.parameters.map(({ name }) => [name, toTensor(weights.get(name)!)]))
        const inputs = Object.fromEntries(needed.inputs.map(({ name }) => [name, toTensor(feeds[name]!)]))
        for (const [name, value] of Object.entries(evaluateGraph(needed, parameters, inputs, outputs))) {
          // A backend may hand out its own memory, or one memory for two names.
          results[name] = { shape: value.shape, data: value.dataSync<'float32'>().slice() }
        }
      })
      return results
    },
    async dispose() {},
  }
}

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkpoint } from '@isthmus/checkpoint'
import type { Feeds } from '@isthmus/engine'
import {
  drawFeeds,
  drawWeights,
  engineContract,
  longAttentionGraphs,
  operatorGraphs,
  relativeDifference,
  smallModels,
} from '@isthmus/engine/contract'
import { type Graph, graphOf, interpret } from '@isthmus/model'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { inspectProviders, onnxEngine } from '../src/index.ts'
import { lowerGraph } from '../src/lower-graph.ts'
import { encodeOnnxModel } from '../src/onnx-model.ts'

const { providers } = await inspectProviders()
const webgpu = providers.find(({ name }) => name === 'webgpu')
/** Why there is nothing to test on: null where there is. */
const lack = webgpu === undefined ? 'ONNX Runtime has none on this platform' : webgpu.reason

/** Compiling a shader takes a software adapter up to a second, and the suite has hundreds. */
const timeout = 1_800_000

describe('WebGPU', { timeout }, () => {
  if (lack !== null) {
    const reason = `the engine contract is not tried on WebGPU, which does not start here: ${lack}`
    it('passes the engine contract', ({ skip }) => {
      console.info(reason)
      skip(reason)
    })
    return
  }
  engineContract('onnx on WebGPU', () => onnxEngine.create({ executionProvider: 'webgpu' }))

  it('computes what the CPU does on a shipped model and a text of 128 tokens: features at every tap, and logits', async () => {
    await using checkpoint = await Checkpoint.open(join(import.meta.dirname, '../../../datasets/models/seed-1'))
    const graph = graphOf(checkpoint.config, 'config.json', { padding: false })
    const outputs = [...graph.taps.map(({ name }) => name), 'logits']
    const sizes = new Map(Object.entries({ batch: 2, sequence: 128, selected: 20 }))
    const limits = { inputIds: 1000, tokenTypeIds: 1, selectedPositions: 256, labels: 1 }
    const feeds = drawFeeds(graph, sizes, limits, 1)
    const [onGpu, onCpu] = await Promise.all(
      ['webgpu', 'cpu'].map(async (executionProvider) => {
        const engine = await onnxEngine.create({ executionProvider })
        const program = await engine.compile(graph, { outputs })
        const read = program.parameters.map(async (name) => [name, await checkpoint.read(name)] as const)
        const results = await program.run(new Map(await Promise.all(read)), feeds)
        await program.dispose()
        return results
      }),
    )
    for (const name of outputs) {
      expect(relativeDifference(onGpu![name]!.data, onCpu![name]!.data), name).toBeLessThan(1e-5)
    }
  })

  it('leaves to the CPU what the README names', async () => {
    const left = { float: new Set<string>(), int64: new Set<string>() }
    for (const { graph, sizes, limits } of operatorGraphs) {
      const nodes = await nodesOnCpu(graph, drawFeeds(graph, sizes, limits, 1))
      for (const { op_name, input_type_shape } of nodes) {
        const isFloat = input_type_shape.some((input) => 'float' in input)
        left[isFloat ? 'float' : 'int64'].add(op_name)
        if (!isFloat) expect(input_type_shape.every((input) => 'int64' in input)).toBe(true)
      }
    }
    expect([...left.float].sort()).toEqual(['FusedMatMul', 'LogSoftmax'])
    expect([...left.int64].sort()).toEqual(['Add', 'Cast', 'Concat', 'Range', 'Squeeze'])
  })
})

describe('the lowering for WebGPU', () => {
  const attentive = [
    ...[...operatorGraphs, ...longAttentionGraphs].map(({ name, graph, sizes, limits }) => ({
      name,
      graph,
      feeds: drawFeeds(graph, sizes, limits, 1),
    })),
    ...smallModels.map(({ name, graph, feeds }) => ({ name, graph, feeds: feeds({ batch: 3, sequence: 5 }, 1) })),
  ].filter(({ graph }) => graph.nodes.some(({ op }) => op === 'attention'))

  for (const { name, graph, feeds } of attentive) {
    it(`computes attention as the reference interpreter does: ${name}`, async () => {
      const names = Object.keys(graph.outputs)
      const { results } = lowerGraph(graph, names, { plainAttention: true })
      const found = await runForWebgpu(graph, feeds, { executionProviders: ['cpu'] })
      const parameters = [...drawWeights(graph, 1)].map(
        ([parameter, { shape, data }]) => [parameter, { shape, data: Float64Array.from(data) }] as const,
      )
      const expected = interpret(graph, new Map(parameters), feeds, names)
      for (const output of names) {
        const data = found[results.get(output)!.output]!.data as Float32Array
        expect(relativeDifference(data, expected[output]!.data), output).toBeLessThan(1e-4)
      }
    })
  }
})

/** Run a graph, lowered as for WebGPU, once on drawn weights. */
async function runForWebgpu(
  graph: Graph,
  feeds: Feeds,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession.ReturnType> {
  const { model, graph: lowered } = lowerGraph(graph, Object.keys(graph.outputs), { plainAttention: true })
  const weights = drawWeights(graph, 1)
  const session = await InferenceSession.create(encodeOnnxModel(model), options)
  const values = [
    ...lowered.inputs.map(({ name }) => [name, feeds[name]!] as const),
    ...lowered.parameters.map(({ name }) => [name, weights.get(name)!] as const),
  ]
  const fed = values.map(([name, { shape, data }]) => [
    name,
    data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape),
  ])
  const results = await session.run(Object.fromEntries(fed))
  session.endProfiling()
  await session.release()
  return results
}

/** The nodes that ONNX Runtime's profile of a run has on the CPU. */
async function nodesOnCpu(graph: Graph, feeds: Feeds): Promise<ProfiledNode[]> {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-webgpu-'))
  try {
    await runForWebgpu(graph, feeds, {
      executionProviders: ['webgpu'],
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    })
    const events = readdirSync(folder).flatMap(
      (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as { readonly args?: Partial<ProfiledNode> }[],
    )
    const nodes = events.flatMap(({ args }) => (args?.provider === undefined ? [] : [args as ProfiledNode]))
    expect(nodes.length, graph.architecture).toBeGreaterThan(0)
    return nodes.filter(({ provider }) => provider === 'CPUExecutionProvider')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface ProfiledNode {
  readonly provider: string
  readonly op_name: string
  readonly input_type_shape: readonly Readonly<Record<string, readonly number[]>>[]
}

import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type CrossCorrelation,
  correlateFeatures,
  crossCorrelation,
  type FeatureSet,
  featureRows,
  readCapture,
  writeCapture,
} from '@isthmus/activations'
import { type Alignment, align, alignmentMethod, methodFeatureSets } from '@isthmus/alignment'
import { Checkpoint, openSafetensors, writeSafetensors } from '@isthmus/checkpoint'
import { blockBatches, paddedBatches } from '@isthmus/corpus'
import type { Weights } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { evaluationLoss } from '@isthmus/evaluation'
import { applyAlignment, interpolate, type ParameterReader, readWeights } from '@isthmus/merging'
import { graphOf } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { PhaseClock } from './phase-clock.ts'
import type { SideRequest, SideResult } from './side.ts'

/** As the operations of a study have them. */
const tokensPerBatch = 2048
const blocksPerBatch = 16

/** Compute our side of a comparison with the packages that a study computes with, one thread, nothing cached.
 *
 *  Features go through a capture on disk, as they do in a study; what is missing of a study is its cache and its records.
 */
export async function runOurs(request: SideRequest): Promise<SideResult> {
  const clock = new PhaseClock()
  const work = await readWork(request.work)
  const engine = await onnxEngine.create({ executionProvider: 'cpu' })
  await using a = await Checkpoint.open(request.models[0])
  await using b = await Checkpoint.open(request.models[1])
  const graph = graphOf(a.config, a.name, { padding: false })
  const method = alignmentMethod(request.method)
  const sets = methodFeatureSets(method, graph)
  const { program, weights } = await clock.time('load', async () => {
    const program = await engine.compile(graph, { outputs: ['negativeLogLikelihood'] })
    const names = graph.parameters.map(({ name }) => name)
    const weights = [await readAll(a, names), await readAll(b, names)] as const
    return { program, weights }
  })

  async function correlations(): Promise<ReadonlyMap<string, CrossCorrelation>> {
    if (sets.length === 0) return new Map()
    const padded = graphOf(a.config, a.name, { padding: true })
    const names = [...new Set(sets.flatMap(({ taps }) => taps))]
    const taps = padded.taps.filter(({ name }) => names.includes(name))
    const forward = await clock.time('load', () => engine.compile(padded, { outputs: names }))
    const captures = weights.map((_, side) => join(dirname(request.result), `capture-${side}.arrow`))
    for (const [side, path] of captures.entries()) {
      await clock.time('capture', () =>
        writeCapture(
          path,
          featureRows(forward, weights[side]!, paddedBatches(work.sentences, { tokensPerBatch }), taps),
          taps,
          'float32',
        ),
      )
    }
    return clock.time('correlation', () => correlateCaptures(captures as [string, string], names))
  }

  async function correlateCaptures([left, right]: readonly [string, string], names: readonly string[]) {
    const moments = await correlateFeatures(engine, readCapture(left, names), readCapture(right, names), sets)
    return new Map([...moments].map(([name, moment]) => [name, crossCorrelation(moment)]))
  }

  const correlated = await correlations()
  const alignment = await clock.time('matching', () =>
    align(method, { graph, correlation: (name) => correlated.get(name)! }),
  )
  const readers = weights.map(
    (own): ParameterReader =>
      async (name) =>
        own.get(name)!,
  )
  const aligned = await clock.time('apply', () =>
    readWeights(applyAlignment(readers[1]!, graph, alignment), program.parameters),
  )
  const buffers: Weights = new Map(
    [...aligned].map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]),
  )
  const losses: number[] = []
  for (const lambda of request.lambdas) {
    const merged = await clock.time('interpolation', () =>
      interpolate(readers[0]!, async (name) => aligned.get(name)!, lambda, program.parameters, buffers),
    )
    const { loss } = await clock.time('evaluation', () =>
      evaluationLoss(program, merged, blockBatches(work.blocks, blocksPerBatch)),
    )
    losses.push(loss)
  }
  await writeChosen(request.alignment, sets, correlated, alignment)
  return { phases: clock.phases, losses, versions: { onnxruntime: engine.identity.version, node: process.version } }
}

/** Run ours and write its result. */
export async function writeOurs(request: SideRequest): Promise<void> {
  await writeFile(request.result, JSON.stringify(await runOurs(request)))
}

function readAll(model: Checkpoint, names: readonly string[]) {
  return readWeights((name) => model.read(name), names)
}

async function readWork(path: string) {
  await using file = await openSafetensors(path)
  const tokens = await file.readInt32('tokens')
  const lengths = await file.readInt32('lengths')
  let end = 0
  const sentences = Array.from(lengths.data, (length) => {
    end += length
    return tokens.data.subarray(end - length, end)
  })
  return { sentences, blocks: { inputIds: await file.readInt32('input_ids'), labels: await file.readInt32('labels') } }
}

async function writeChosen(
  path: string,
  sets: readonly FeatureSet[],
  correlations: ReadonlyMap<string, CrossCorrelation>,
  { permutations }: Alignment,
): Promise<void> {
  const chosen = sets.flatMap(({ name, width }) => {
    const correlation: Tensor = { shape: [width, width], data: correlations.get(name)!.matrix }
    return [
      { name: `correlation|${name}`, dtype: 'F32' as const, ...correlation },
      { name: `permutation|${name}`, dtype: 'I32' as const, shape: [width], data: permutations.get(name)! },
    ]
  })
  await writeSafetensors(path, chosen)
}

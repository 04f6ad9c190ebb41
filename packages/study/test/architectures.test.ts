import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { featureRows } from '@isthmus/activations'
import { alignmentMethod } from '@isthmus/alignment'
import { Checkpoint } from '@isthmus/checkpoint'
import { decodeImage, nextTokenBlocks, openTokenizer, paddedBatches, readWikiText } from '@isthmus/corpus'
import { type Cache, inProcessExecutor, openCache } from '@isthmus/dataflow'
import { onnxEngine } from '@isthmus/engine-onnx'
import { applyAlignment, readAlignment, readWeights, saveMerged } from '@isthmus/merging'
import { type Graph, graphOf, interpret } from '@isthmus/model'
import type { CurvePointRow } from '@isthmus/results'
import { type Tensor, UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  computeNow,
  expandStudy,
  type PlacedStudy,
  planStudy,
  runStudies,
  type StudiesRun,
  studyOperations,
} from '../src/index.ts'
import { readMaskedBlocksOf } from './masked-blocks-of.ts'
import { architectureNames, saveTinyFamily, saveTinyText } from './tiny-models.ts'

const workspace = resolve(import.meta.dirname, '../../..')
const methods = ['vanilla', 'ffn', 'head-perm', 'residual/first']
const seeds = [1, 2]
let folder: string
let cache: Cache

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-architectures-'))
  cache = await openCache(join(folder, 'cache'))
  await saveTinyText(folder)
  for (const name of architectureNames) await saveTinyFamily(folder, name)
})

afterAll(() => {
  cache.close()
  rmSync(folder, { recursive: true })
})

function tinyStudy(family: string, settings: object = {}): PlacedStudy {
  const definition = {
    name: family,
    title: 'Tiny',
    family: join(folder, family),
    seeds,
    methods,
    lambdas: 3,
    books: join(folder, 'books'),
    wikitext: join(folder, 'wiki.raw'),
    images: 'datasets/shapes',
    alignment: { linesPerBook: 30, fraction: 0.5 },
    evaluation: { blockSize: 12, maskProbability: 0.3, blocks: 20 },
    ...settings,
  }
  return { study: expandStudy(definition, 'study.ts'), resolvePath: (path) => resolve(workspace, path) }
}

function runTiny(study: PlacedStudy): Promise<StudiesRun> {
  return runStudies([study], { cache, executor: inProcessExecutor(studyOperations, cache), version: 'test' })
}

function planTiny({ study, resolvePath }: PlacedStudy) {
  const compute = computeNow({ cache, executor: inProcessExecutor(studyOperations, cache) })
  return planStudy(study, { cache, resolvePath, compute })
}

type Inputs = Parameters<typeof interpret>[2]

/** −ln p of every label, from logits of the f64 interpreter: mean and number. */
async function lossFromLogits(directory: string, batches: readonly { inputs: Inputs; labels: readonly number[] }[]) {
  await using checkpoint = await Checkpoint.open(directory)
  const graph = graphOf(checkpoint.config, 'config.json', { padding: false })
  const parameters = await f64Parameters(checkpoint, graph)
  const losses = batches.flatMap(({ inputs, labels }) => {
    const { data } = interpret(graph, parameters, inputs, ['logits']).logits!
    const classes = data.length / labels.length
    return labels.map((label, row) => {
      const logits = [...data.subarray(row * classes, (row + 1) * classes)]
      return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[label]!
    })
  })
  return { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length, positions: losses.length }
}

async function f64Parameters(
  checkpoint: Checkpoint,
  { parameters }: Graph,
): Promise<Map<string, Tensor<Float64Array>>> {
  const read = parameters.map(async ({ name }) => {
    const { shape, data } = await checkpoint.read(name)
    return [name, { shape, data: Float64Array.from(data) }] as const
  })
  return new Map(await Promise.all(read))
}

const int32 = (shape: readonly number[], data: ArrayLike<number>) => ({ shape, data: Int32Array.from(data) })

/** The evaluation set of each objective, made here from the text or the images. */
const evaluationSets = {
  /** The masks are the ones drawn by the study; that they are right is tested where they are drawn. */
  async masked(run: StudiesRun) {
    const { inputIds, labels } = await readMaskedBlocksOf(run)
    const positions = [...labels.data.keys()].filter((i) => labels.data[i] !== -100)
    const inputs = {
      inputIds,
      tokenTypeIds: int32(inputIds.shape, new Int32Array(inputIds.data.length)),
      selectedPositions: int32([positions.length], positions),
    }
    return [{ inputs, labels: positions.map((i) => labels.data[i]!) }]
  },
  async nextToken() {
    const tokenizer = await openTokenizer(join(folder, 'gpt2/seed-1'))
    const all = nextTokenBlocks(await readWikiText(join(folder, 'wiki.raw')), tokenizer, {
      name: 'wiki',
      blockSize: 12,
    })
    const ids = all.data.subarray(0, 20 * 12)
    return Array.from({ length: 20 }, (_, block) => {
      const own = [...ids.subarray(12 * block, 12 * (block + 1))]
      const inputs = {
        inputIds: int32([1, 12], own),
        selectedPositions: int32(
          [11],
          own.slice(1).map((_, i) => i),
        ),
      }
      return { inputs, labels: own.slice(1) }
    })
  },
  async images() {
    const classes = ['bar', 'circle', 'crescent', 'cross', 'ring', 'square', 'star', 'triangle']
    const [mean, std] = [[0.5, 0.4, 0.3], 0.25]
    const named = classes.flatMap((_, label) => Array.from({ length: 12 }, (_, i) => ({ label, i: i + 1 })))
    return Promise.all(
      named.map(async ({ label, i }) => {
        const name = `test/${classes[label]}/${String(i).padStart(2, '0')}.png`
        const pixels = await decodeImage(join(workspace, 'datasets/shapes', name), 32, name)
        const data = Float64Array.from(pixels, (pixel, at) => (pixel / 255 - mean[Math.floor(at / 1024)]!) / std)
        return { inputs: { pixelValues: { shape: [1, 3, 32, 32], data } }, labels: [label] }
      }),
    )
  },
}

describe.each([
  { name: 'bert', set: 'masked' },
  { name: 'roberta', set: 'masked' },
  { name: 'distilbert', set: 'masked' },
  { name: 'gpt2', set: 'nextToken' },
  { name: 'vit', set: 'images' },
] as const)('a study of $name', ({ name, set }) => {
  let run: StudiesRun
  const evaluation = set === 'images' ? { evaluation: { blocks: null } } : {}
  beforeAll(async () => {
    run = await runTiny(tinyStudy(name, evaluation))
  })

  const point = (method: string, lam: number): CurvePointRow =>
    run.rows.curvePoints!.find((row) => row.method === alignmentMethod(method).name && row.lam === lam)!

  it('finishes with finite losses on every curve, and says of what size the models are', () => {
    expect(run.result.failures).toEqual([])
    const { curvePoints = [], models = [] } = run.rows
    expect(curvePoints).toHaveLength(methods.length * 3)
    for (const { loss, perplexity } of curvePoints) {
      expect(Number.isFinite(loss)).toBe(true)
      expect(perplexity).toBe(Math.exp(loss))
    }
    expect(models.map(({ hiddenSize, layers, heads }) => [hiddenSize, layers, heads])).toEqual([
      [8, 2, 2],
      [8, 2, 2],
    ])
  })

  it('has the models’ own losses at its ends, which an independent computation from logits gives', async () => {
    const batches = await (set === 'masked' ? evaluationSets.masked(run) : evaluationSets[set]())
    for (const [lam, seed] of [
      [1, 1],
      [0, 2],
    ] as const) {
      const expected = await lossFromLogits(join(folder, name, `seed-${seed}`), batches)
      for (const method of methods) {
        const { loss, positions } = point(method, lam)
        expect(positions).toBe(expected.positions)
        // f32 against f64, of losses of a few nats.
        expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-5)
      }
    }
  })

  it('passes the gate with every method, and matches features with each but vanilla', () => {
    const { alignments = [] } = run.rows
    expect(alignments.map(({ method }) => method)).toEqual(methods.map((method) => alignmentMethod(method).name))
    for (const { method, symmetry, maxAbsLogitDifference, tokens } of alignments) {
      expect(symmetry).toBe('kept')
      expect(maxAbsLogitDifference).toBeLessThan(1e-4)
      expect(tokens === null).toBe(method === 'vanilla')
      expect(maxAbsLogitDifference > 0).toBe(method !== 'vanilla')
    }
  })

  it('correlates the same features whether captures are kept or streamed', async () => {
    const streamed = await runTiny(tinyStudy(name, { ...evaluation, methods: ['ffn'], capture: { budget: 0 } }))
    const ffn = (rows: StudiesRun['rows']) => {
      const alignment = rows.alignments!.find(({ method }) => method === 'ffn')!
      const own = rows.correlations!.filter((row) => row.alignment === alignment.key)
      return own.map(({ layer, meanDiagonalAfter }) => [layer, meanDiagonalAfter])
    }
    expect(ffn(streamed.rows)).toHaveLength(2)
    expect(ffn(streamed.rows)).toEqual(ffn(run.rows))
  })

  it('merges into folders that reopen with all tensors: λ = 1 is A to the bit, λ = 0 is B moved', async () => {
    const curve = run.plans[0]!.curves.find(({ method }) => method.name === alignmentMethod('residual/first').name)!
    const alignment = await readAlignment(await run.result.artifact(curve.alignment).path('permutations'))
    await using a = await Checkpoint.open(join(folder, name, 'seed-1'))
    await using b = await Checkpoint.open(join(folder, name, 'seed-2'))
    const aligned = applyAlignment((tensor) => b.read(tensor), curve.b.graph, alignment)
    for (const weight of [1, 0]) {
      const out = join(folder, `merged-${name}-${weight}`)
      const models = [
        { checkpoint: a, read: (tensor: string) => a.read(tensor), weight },
        { checkpoint: b, read: aligned, weight: 1 - weight },
      ] as const
      await saveMerged(out, { models, files: {}, overwrite: false })
      await using merged = await Checkpoint.open(out)
      expect([...merged.tensors.keys()].sort()).toEqual([...a.tensors.keys()].sort())
      expect(merged.config).toEqual(a.config)
      let moved = 0
      for (const tensor of merged.tensors.keys()) {
        const { data } = await merged.read(tensor)
        expect(data, tensor).toEqual((weight === 1 ? await a.read(tensor) : await aligned(tensor)).data)
        if (weight === 0 && !Buffer.from(data.buffer).equals(Buffer.from((await b.read(tensor)).data.buffer))) moved++
      }
      expect(moved > 0).toBe(weight === 0)
    }
  })
})

describe.each(['bert', 'roberta', 'distilbert', 'gpt2'])('the features of %s', (name) => {
  it('are those of the line alone, whatever it is padded to', async () => {
    await using checkpoint = await Checkpoint.open(join(folder, name, 'seed-1'))
    const graph = graphOf(checkpoint.config, 'config.json')
    const taps = graph.taps.filter(({ site }) => site !== 'mlmHead')
    const engine = await onnxEngine.create({ executionProvider: 'cpu' })
    const program = await engine.compile(graph, { outputs: taps.map((tap) => tap.name) })
    const weights = await readWeights((tensor) => checkpoint.read(tensor), program.parameters)
    const tokenizer = await openTokenizer(join(folder, name, 'seed-1'))
    const lines = ['the cat', 'they ran off', 'on a mat'].map((text) => Int32Array.from(tokenizer.encode(text)))
    const read = async (tokensPerBatch: number) => {
      const values = new Map<string, number[]>()
      for await (const { sequence, position, features } of featureRows(
        program,
        weights,
        paddedBatches(lines, { tokensPerBatch }),
        taps,
      )) {
        sequence.forEach((line, row) => {
          const own = taps.flatMap((tap) => [
            ...features.get(tap.name)!.data.subarray(row * tap.width, (row + 1) * tap.width),
          ])
          values.set(`${line} ${position[row]}`, own)
        })
      }
      return values
    }
    const [alone, together] = [await read(1), await read(100)]
    expect(new Set(lines.map(({ length }) => length)).size).toBeGreaterThan(1)
    expect([...together.keys()].sort()).toEqual([...alone.keys()].sort())
    for (const [key, own] of alone) {
      const difference = together.get(key)!.map((value, i) => Math.abs(value - own[i]!))
      expect(Math.max(...difference), key).toBeLessThan(1e-5)
    }
    await program.dispose()
  })
})

describe('what a study refuses', () => {
  it('blocks longer than the model takes: RoBERTa’s positions start after its padding', async () => {
    await expect(planTiny(tinyStudy('roberta', { evaluation: { blockSize: 25 } }))).rejects.toThrow(
      new UserError(
        'evaluation.blockSize is 25, but seed-1 takes at most 24 tokens: set evaluation.blockSize=24 or less',
      ),
    )
  })

  it('the released code’s characters for a model that predicts the next token', async () => {
    const evaluation = { blockSize: 12, protocol: 'released-code' }
    await expect(planTiny(tinyStudy('gpt2', { evaluation }))).rejects.toThrow(
      new UserError(
        'evaluation.protocol released-code is of masked language models, but seed-1 predicts the next token: ' +
          'set evaluation.protocol=clean',
      ),
    )
  })

  it('a masked study with a tokenizer that has no mask', async () => {
    const family = await saveTinyFamily(join(folder, 'unmasked'), 'roberta')
    for (const seed of seeds) {
      const vocabulary = JSON.stringify({ '<s>': 0, '</s>': 1, a: 2, b: 3 })
      await writeFile(join(family, `seed-${seed}/vocab.json`), vocabulary)
    }
    const { result } = await runTiny(tinyStudy('unmasked/roberta', { methods: ['vanilla'] }))
    expect(result.failures.map(({ error }) => (error as Error).message)).toContainEqual(
      expect.stringMatching(
        /vocab.json has no mask token, which masked language modelling needs; name it as mask_token/,
      ),
    )
  })

  it('models without a loss here: classifiers of text, and encoders without a head', async () => {
    await saveTinyFamily(join(folder, 'text'), 'roberta', { architectures: ['RobertaForSequenceClassification'] })
    await expect(planTiny(tinyStudy('text/roberta'))).rejects.toThrow(
      new UserError(
        'seed-1 classifies texts, and there are no labelled texts to take its loss on; set task to the folder of its ' +
          'task, or choose models with a language model head',
      ),
    )
    await saveTinyFamily(join(folder, 'bare'), 'vit', { architectures: ['ViTModel'] })
    await expect(planTiny(tinyStudy('bare/vit'))).rejects.toThrow(
      new UserError(
        'seed-1 has no head, so that it has no loss; choose models that were saved with the head that they were trained ' +
          'with',
      ),
    )
  })

  it('images of classes, or of a size, that the model does not have', async () => {
    const label2id = { bar: 0, circle: 1 }
    await saveTinyFamily(join(folder, 'classes'), 'vit', { label2id, id2label: { 0: 'bar', 1: 'circle' } })
    await expect(planTiny(tinyStudy('classes/vit'))).rejects.toThrow(
      /^the images have the class 'crescent', which label2id of .*seed-1\/config.json does not: it has bar, circle;/,
    )
    await saveTinyFamily(join(folder, 'size'), 'vit', { image_size: 16 })
    const { result } = await runTiny(tinyStudy('size/vit', { methods: ['vanilla'] }))
    expect(result.failures.map(({ error }) => (error as Error).message)).toContainEqual(
      expect.stringMatching(
        /the image .*\.png is 32 × 32 pixels, but the model reads 16 × 16; resize the images first/,
      ),
    )
  })
})

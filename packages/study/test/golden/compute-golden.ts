import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inProcessExecutor, type Node, openCache, planGraph, run } from '@isthmus/dataflow'
import {
  computeNow,
  expandFamily,
  expandStudy,
  type FamilyDefinition,
  planFamily,
  planStudy,
  studyOperations,
} from '../../src/index.ts'
import { saveTinyFamily, saveTinyTask, saveTinyText } from '../tiny-models.ts'

/** What an operation of a small study gave. */
export interface GoldenResult {
  readonly operation: string
  readonly version: number
  readonly label: string
  readonly value: unknown
  /** Digests of blobs that hold no floating-point results, which differ in their last bits between processors. */
  readonly blobs: Readonly<Record<string, string>>
}

const releasedCodeBlocks = 'corpus.evaluation-blocks-released-code'
const [nextTokenBlocks, images] = ['corpus.next-token-blocks', 'corpus.images']
const exactOperations = new Set([
  'corpus.alignment-tokens',
  'corpus.evaluation-blocks',
  releasedCodeBlocks,
  nextTokenBlocks,
  images,
  'corpus.encode-task',
  'corpus.sample-task',
  'corpus.token-stream',
  'corpus.learning-blocks',
])

const common = { seeds: [1, 2], lambdas: 3, alignment: { fraction: 0.002 } }

/** Studies of which every operation is run, or only one. */
const parts = [
  {
    methods: ['ffn+attention/head-perm/qk', 'ignore-heads', 'weight-matching', 'optimal-transport/sinkhorn'],
    evaluation: { blocks: 4 },
    capture: { budget: 1e9 },
  },
  { methods: ['ffn'], evaluation: { blocks: 4 }, capture: { budget: 0 } },
  { methods: ['vanilla'], evaluation: { blocks: 4, protocol: 'released-code' as const }, only: releasedCodeBlocks },
  { methods: ['vanilla'], evaluation: { blocks: 4, precision: 0.02 }, only: 'evaluation.barrier-to-precision' },
  {
    family: 'tiny/gpt2',
    wikitext: 'tiny/wiki.raw',
    methods: ['vanilla'],
    evaluation: { blocks: 4, blockSize: 12 },
    only: nextTokenBlocks,
  },
  { family: 'tiny/vit', methods: ['vanilla'], evaluation: { blocks: 4 }, only: images },
  {
    family: 'tiny/bert',
    task: 'tiny/early',
    methods: ['ffn'],
    alignment: { fraction: 0.5 },
    fineTuning: { learningRate: 0.01, epochs: 1, batchSize: 8, executionProvider: 'javascript' },
  },
  {
    ...{ family: 'tiny/bert', books: 'tiny/books', wikitext: 'tiny/wiki.raw', methods: ['learned'] },
    alignment: { linesPerBook: 30 },
    evaluation: { blocks: 4, blockSize: 12 },
    learned: {
      ...{ steps: 4, learningRate: 0.5, batchBlocks: 4, blockSize: 12, heldOutBlocks: 2, evaluateEvery: 2 },
      executionProvider: 'javascript',
    },
    only: 'alignment.learn',
  },
]

/** A family of which one model is trained. */
const family: FamilyDefinition = {
  kind: 'family',
  ...{ name: 'golden', title: 'Golden', seeds: [1], steps: 6, recordEvery: 3, tokensPerStep: 32 },
  ...{ tokenizer: 'tiny/bert/seed-1', books: 'tiny/books', wikitext: 'tiny/wiki.raw', executionProvider: 'javascript' },
  architecture: {
    numHiddenLayers: 1,
    hiddenSize: 8,
    numAttentionHeads: 2,
    intermediateSize: 12,
    maxPositionEmbeddings: 24,
  },
  validation: { wikitext: 'tiny/wiki.raw', blockSize: 12, maskProbability: 0.5, blocks: 4 },
  phases: [
    { until: 3, objective: 'nextToken', blockLength: 8, randomPosition: true },
    { until: 1, objective: 'maskedLanguageModel', blockLength: 8, randomPosition: false },
  ],
}

/** Run every operation once on the shipped models, text and images, or tiny models of other architectures, with as little
 *  as will do.
 */
export async function computeGolden(): Promise<GoldenResult[]> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-golden-'))
  const cache = await openCache(directory)
  try {
    const executor = inProcessExecutor(studyOperations, cache)
    const context = {
      cache,
      resolvePath: (path: string) =>
        path.startsWith('tiny/') ? join(directory, path) : resolve(import.meta.dirname, '../../../..', path),
      compute: computeNow({ cache, executor }),
    }
    await saveTinyText(join(directory, 'tiny'))
    for (const name of ['bert', 'gpt2', 'vit'] as const) await saveTinyFamily(join(directory, 'tiny'), name)
    await saveTinyTask(join(directory, 'tiny'), 'early', 'classes')
    const nodes = new Map<string, Node>()
    for (const { only, ...settings } of parts) {
      const study = expandStudy({ name: 'golden', title: 'Golden', ...common, ...settings }, 'golden')
      const { targets } = await planStudy(study, context)
      const chosen = planGraph(targets).nodes.map(({ node }) => node)
      const { failures } = await run(
        only === undefined ? targets : chosen.filter(({ operation }) => operation.id === only),
        { cache, executor, onEvent: (event) => event.type === 'finished' && nodes.set(event.key, event.node) },
      )
      if (failures[0] !== undefined) throw failures[0].error
    }
    const { targets } = await planFamily(expandFamily(family, 'golden'), context)
    const { failures } = await run(targets, {
      ...{ cache, executor },
      onEvent: (event) => event.type === 'finished' && nodes.set(event.key, event.node),
    })
    if (failures[0] !== undefined) throw failures[0].error
    return [...cache.actions.records()]
      .map(({ key, operation, version, output }) => ({
        operation,
        version,
        label: nodes.get(key)?.label ?? operation,
        value: output.value,
        blobs: exactOperations.has(operation) ? output.blobs : {},
      }))
      .sort((a, b) => (`${a.operation} ${a.label}` < `${b.operation} ${b.label}` ? -1 : 1))
  } finally {
    cache.close()
    rmSync(directory, { recursive: true })
  }
}

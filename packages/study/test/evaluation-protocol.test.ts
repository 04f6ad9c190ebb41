import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readMaskedBlocks } from '@isthmus/corpus'
import { type Cache, inProcessExecutor, type Node, nodesOf, openCache, run } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { computeNow, expandStudy, planStudy, studyOperations, sweep } from '../src/index.ts'

const workspace = resolve(import.meta.dirname, '../../..')
let directory: string
let cache: Cache

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-protocol-'))
  cache = await openCache(directory)
})

afterAll(() => {
  cache.close()
  rmSync(directory, { recursive: true })
})

const study = (evaluation: object) =>
  expandStudy({ name: 'test', title: 'Test', methods: ['vanilla'], seeds: [1, 2], evaluation }, 'study.ts')

/** The nodes that cut the evaluation text. */
async function blockNodes(evaluation: object): Promise<Node[]> {
  const executor = inProcessExecutor(studyOperations, cache)
  const resolvePath = (path: string) => resolve(workspace, path)
  const { targets } = await planStudy(study(evaluation), {
    cache,
    resolvePath,
    compute: computeNow({ cache, executor }),
  })
  return nodesOf(targets).filter(({ operation }) => operation.id.startsWith('corpus.evaluation-blocks'))
}

it('has an operation for each protocol, and the params of clean as they were before there were others', async () => {
  const [clean] = await blockNodes({})
  expect(clean!.operation.id).toBe('corpus.evaluation-blocks')
  const params = { blockSize: 128, maskProbability: 0.15, seed: 0, blocks: null }
  expect(clean!.params).toEqual(params)
  const swept = await blockNodes({ protocol: sweep(['clean', 'released-code']) })
  expect(swept.map(({ operation }) => operation.id).sort()).toEqual([
    'corpus.evaluation-blocks',
    'corpus.evaluation-blocks-released-code',
  ])
  expect(swept.map((node) => node.params)).toEqual([params, params])
})

it('masks no special token of the text that is split into characters, and records the protocol', async () => {
  const [node] = await blockNodes({ protocol: 'released-code', blocks: 20 })
  const result = await run([node!], { cache, executor: inProcessExecutor(studyOperations, cache) })
  const masked = await readMaskedBlocks(await result.artifact(node!).path('blocks'))
  expect(masked.protocol).toBe('released-code')
  expect(masked.inputIds.shape).toEqual([20, 128])
  const [cls, sep] = [2, 3]
  const positions = masked.inputIds.data.filter((id) => id === cls || id === sep).length
  expect(positions).toBeGreaterThan(20)
  expect(masked.labels.data.filter((label) => label === cls || label === sep)).toHaveLength(0)
})

it('says which protocols there are', () => {
  expect(() => study({ protocol: 'dirty' })).toThrow(
    new UserError('study.ts: evaluation.protocol is dirty: Invalid option: expected one of "clean"|"released-code"'),
  )
})

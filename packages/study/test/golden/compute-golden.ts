import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inProcessExecutor, type Node, openCache, run } from '@isthmus/dataflow'
import { computeNow, expandStudy, planStudy, studyOperations } from '../../src/index.ts'

/** What an operation of a small study gave. */
export interface GoldenResult {
  readonly operation: string
  readonly version: number
  readonly label: string
  readonly value: unknown
  /** Digests of blobs that hold no floating-point results, which differ in their last bits between processors. */
  readonly blobs: Readonly<Record<string, string>>
}

const exactOperations = new Set(['corpus.alignment-tokens', 'corpus.evaluation-blocks'])

/** Run every operation once on the shipped models and text, with as little of both as will do. */
export async function computeGolden(): Promise<GoldenResult[]> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-golden-'))
  const cache = await openCache(directory)
  try {
    const executor = inProcessExecutor(studyOperations, cache)
    const context = {
      cache,
      resolvePath: (path: string) => resolve(import.meta.dirname, '../../../..', path),
      compute: computeNow({ cache, executor }),
    }
    const nodes = new Map<string, Node>()
    for (const budget of [1e9, 0]) {
      const settings = {
        seeds: [1, 2],
        methods: budget > 0 ? ['ffn+attention/head-perm/qk', 'ignore-heads'] : ['ffn'],
        lambdas: 3,
        alignment: { fraction: 0.002 },
        evaluation: { blocks: 4 },
        capture: { budget },
      }
      const study = expandStudy({ name: 'golden', title: 'Golden', ...settings }, 'golden')
      const { targets } = await planStudy(study, context)
      const { failures } = await run(targets, {
        cache,
        executor,
        onEvent: (event) => event.type === 'finished' && nodes.set(event.key, event.node),
      })
      if (failures[0] !== undefined) throw failures[0].error
    }
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

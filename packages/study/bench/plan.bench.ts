/** What planning costs: a study of the models that ship whose alignment seed is swept until it has 10,000 steps. The text of
 *  each seed is tokenised before, once, since the plan depends on its size; next to it, every variant planned by itself.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { estimateCost, explain, inProcessExecutor, openCache } from '@isthmus/dataflow'
import { countForwardPasses } from '../src/forward-passes.ts'
import { computeNow, expandStudy, planStudy, studyOperations, sweep } from '../src/index.ts'

const workspace = resolve(import.meta.dirname, '../../..')
const alignmentSeeds = 124
const bar = 2

const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
const cache = await openCache(directory)
const executor = inProcessExecutor(studyOperations, cache)
const resolvePath = (path: string) => resolve(workspace, path)
const context = { cache, resolvePath, compute: computeNow({ cache, executor }) }
const definition = {
  name: 'bench',
  title: 'A sweep',
  alignment: { fraction: 0.002, seed: sweep(Array.from({ length: alignmentSeeds }, (_, seed) => seed)) },
  lambdas: 5,
}

async function measure<Result>(
  what: string,
  act: () => Result | Promise<Result>,
): Promise<{ readonly result: Result; readonly seconds: number }> {
  const start = performance.now()
  const result = await act()
  const seconds = (performance.now() - start) / 1000
  console.log(`${what}: ${seconds.toFixed(2)} s`)
  return { result, seconds }
}

const planned = () => planStudy(expandStudy(definition, 'bench'), context)
await measure(`the first time, with ${alignmentSeeds} texts tokenised`, planned)
const { result: plan, seconds: planning } = await measure('expand the sweep and plan it', planned)
const { result: explanations, seconds: explaining } = await measure('look all steps up', () =>
  explain(plan.targets, { cache }),
)
const { seconds: estimating } = await measure('estimate costs', () => estimateCost(explanations, { cache }))
await measure('count the forward passes', () => countForwardPasses([plan]))
const { seconds: alone } = await measure('the variants, each planned by itself', async () => {
  const { variants, ...study } = expandStudy(definition, 'bench')
  for (const variant of variants) await planStudy({ ...study, variants: [variant] }, context)
})
const seconds = planning + explaining + estimating
console.log(
  `${explanations.length} steps planned in ${seconds.toFixed(2)} s, bar of ${bar} s: ${seconds < bar ? 'kept' : 'MISSED'}; ` +
    `each variant by itself / together: ${(alone / planning).toFixed(1)}`,
)
await executor.close()
cache.close()
rmSync(directory, { recursive: true })

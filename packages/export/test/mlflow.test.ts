import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exportMlflow } from '../src/index.ts'
import { lambdas, losses, sampleResults, temporaryFolder } from './sample-results.ts'

/** A folder as an object of objects, and its files as their content. */
function tree(folder: string): Record<string, unknown> {
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => {
        const path = join(folder, name)
        return [name, statSync(path).isDirectory() ? tree(path) : readFileSync(path, 'utf8')]
      }),
  )
}

/** Each line of a meta.yaml is a name and a JSON value. */
function readMeta(folder: string): Record<string, unknown> {
  const lines = readFileSync(join(folder, 'meta.yaml'), 'utf8').trimEnd().split('\n')
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^(\w+): (.*)$/.exec(line)!
      return [name, JSON.parse(value!)]
    }),
  )
}

describe('exportMlflow', () => {
  it('makes an experiment of each study and a run of each result, with its curve as a metric by λ', async () => {
    const folder = temporaryFolder()
    const exported = await exportMlflow(await sampleResults(), folder, { study: 'demo' })
    expect(exported).toEqual({ experiments: 1, runs: 2 })
    const [experiment] = readdirSync(folder)
    expect(experiment).toMatch(/^\d{18}$/)
    expect(readMeta(join(folder, experiment!))).toMatchObject({ experiment_id: experiment, name: 'demo' })
    const runs = readdirSync(join(folder, experiment!)).filter((name) => name !== 'meta.yaml')
    const methods = runs.map((run) => {
      const path = join(folder, experiment!, run)
      const meta = readMeta(path)
      expect(meta).toMatchObject({ run_id: run, status: 3, start_time: Date.UTC(2026), lifecycle_stage: 'active' })
      const { params, metrics } = tree(path) as Record<string, Record<string, string>>
      expect(params).toMatchObject({ 'alignment.fraction': '1', seeds: '[1,2]', pair: 'seed-1|seed-2' })
      const lines = metrics!
        .loss!.trimEnd()
        .split('\n')
        .map((line) => line.split(' '))
      expect(lines.map(([, , step]) => Number(step))).toEqual(lambdas.map((lam) => 1000 * lam))
      expect(lines.map(([, value]) => (value === 'inf' ? Number.POSITIVE_INFINITY : Number(value)))).toEqual(losses)
      return params!.method
    })
    expect(methods.sort()).toEqual(['ffn', 'vanilla'])
  })

  it('gives the same folder again, and says of a run that goes on that it does', async () => {
    const results = await sampleResults()
    const [first, second] = [temporaryFolder(), temporaryFolder()]
    const seen: number[] = []
    await exportMlflow(results, first, { location: '/lab/mlruns', onRun: (done) => seen.push(done) })
    await exportMlflow(results, second, { location: '/lab/mlruns' })
    expect(seen).toEqual([1, 2, 3])
    expect(tree(first)).toEqual(tree(second))
    const states = Object.keys(tree(first)).flatMap((experiment) =>
      readdirSync(join(first, experiment))
        .filter((name) => name !== 'meta.yaml')
        .map((run) => readMeta(join(first, experiment, run)).status),
    )
    expect(states.sort()).toEqual([1, 3, 3])
  })
})

import { rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import { isthmus, runSmall, temporaryFolder } from './run-isthmus.ts'

it('shares the work of two runs at once: no step is computed twice, and both record the same results', async () => {
  const home = temporaryFolder()
  try {
    const runs = await Promise.all([runSmall(home), runSmall(home)])
    const counts = runs.map(({ code, stderr }) => {
      expect(stderr).toMatch(/steps: /)
      expect(code).toBe(0)
      const [, total, computed] = /(\d+) steps: (\d+) computed/.exec(stderr)!
      return { total: Number(total), computed: Number(computed) }
    })
    const alone = Number(/"records": (\d+)/.exec((await isthmus(home, 'cache', 'stats', '--json')).stdout)![1])
    expect(counts[0]!.total).toBe(counts[1]!.total)
    // The text is tokenised while a run is planned, before its steps are counted.
    expect(counts[0]!.computed + counts[1]!.computed).toBe(alone - 1)
    const { stdout } = await isthmus(home, 'sql', 'select count(*) as points from curve_point', '--format', 'json')
    expect(JSON.parse(stdout)).toEqual([{ points: 2 * 3 }])
  } finally {
    rmSync(home, { recursive: true })
  }
})

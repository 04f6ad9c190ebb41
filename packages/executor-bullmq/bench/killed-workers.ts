/** Prints what becomes of a sweep of 500 nodes over three workers, of which one is killed every few seconds; then the
 *  same while Redis is killed, too, and comes back without its data. Exits with 1 when a node is lost or differs.
 */
import { sweep } from '../test/sweep.ts'

const nodes = Number(process.argv[2] ?? 500)
const scenarios = [
  { name: 'workers killed', redisDies: [] },
  { name: 'workers and Redis killed', redisDies: [10, 25] },
]
for (const { name, redisDies } of scenarios) {
  const report = await sweep({ nodes, workers: 3, killSeconds: 4, redisDies })
  const { result, different, seconds, ...figures } = report
  const isSound = result.counts.ran === nodes && different.length === 0 && figures.recorded === nodes
  const line = {
    scenario: name,
    nodes,
    seconds: Number(seconds.toFixed(1)),
    ended: result.counts.ran,
    failed: result.failures.length,
    different: different.length,
    ...figures,
  }
  console.log(JSON.stringify(line))
  if (!isSound) process.exitCode = 1
}

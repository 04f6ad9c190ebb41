import fc from 'fast-check'
import { examine, mutated, originals } from './mutations.ts'

/** `npm run fuzz [runs] [seed]`: mutate the headers of real files, and print what came of it.
 *
 *  Exits with 1 at the first file that does anything but open or be refused by a sentence, and prints how to repeat it.
 */
const [runs = 100_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
console.log(`${runs} mutations of ${originals.length} files, seed ${seed}`)
let slowest = 0
for (const original of originals) {
  const counts = { opened: 0, refused: 0 }
  const property = fc.asyncProperty(mutated(original), async (bytes) => {
    const start = performance.now()
    counts[await examine(original, bytes)] += 1
    slowest = Math.max(slowest, performance.now() - start)
  })
  await fc.assert(property, { numRuns: Math.ceil(runs / originals.length), seed })
  console.log(`${original.name}: ${counts.opened} opened, ${counts.refused} refused`)
}
console.log(
  `slowest file ${slowest.toFixed(0)} ms, peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`,
)

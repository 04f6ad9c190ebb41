/** Write `operations.json` anew: `node --import tsx test/golden/generate.ts`, after a version was raised. */
import { writeFileSync } from 'node:fs'
import { computeGolden } from './compute-golden.ts'

writeFileSync(new URL('operations.json', import.meta.url), `${JSON.stringify(await computeGolden(), null, 2)}\n`)

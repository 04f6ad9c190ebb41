import { onnxEngine } from '@isthmus/engine-onnx'
import { compareReleasedCode } from './compare-released-code.ts'
import { agrees, comparisonTable } from './comparison-table.ts'
import { readReleasedCode } from './released-code.ts'
import { fixtures, openShippedModel } from './shipped-files.ts'

const engine = await onnxEngine.create({ executionProvider: 'cpu' })
await using a = await openShippedModel('seed-1')
await using b = await openShippedModel('seed-2')
const comparisons = await compareReleasedCode(engine, await readReleasedCode(fixtures), a, b)
console.log(comparisonTable(comparisons))
if (!comparisons.every(agrees)) process.exitCode = 1

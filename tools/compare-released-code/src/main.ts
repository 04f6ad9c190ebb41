import { onnxEngine } from '@isthmus/engine-onnx'
import { compareReleasedCode, correlateModels } from './compare-released-code.ts'
import { agrees, comparisonTable } from './comparison-table.ts'
import { readReleasedCode } from './released-code.ts'
import { fixtures, openShippedModel } from './shipped-files.ts'

const engine = await onnxEngine.create({ executionProvider: 'cpu' })
await using a = await openShippedModel('seed-1')
await using b = await openShippedModel('seed-2')
const released = await readReleasedCode(fixtures)
const correlations = await correlateModels(engine, released, a, b)
const comparisons = await compareReleasedCode(engine, released, correlations, a, b)
console.log(comparisonTable(comparisons))
if (!comparisons.every(agrees)) process.exitCode = 1

/** How much of ONNX Runtime's own MatMul rate correlating features reaches.
 *
 *  The rival is ONNX Runtime multiplying the same matrices, and nothing else, in the same run and in turn with it.
 *  Rates count the arithmetic of the products only, on both sides: what is missing to 1 is shifting the features, their
 *  first and second moments, adding the products up in f64, and making the covariance of them.
 */
import { onnxEngine } from '@isthmus/engine-onnx'
import { measureInTurn } from '@isthmus/engine-onnx/bench/measure-in-turn'
import { type Graph, graphBuilder } from '@isthmus/model'
import { correlateFeatures, type FeatureRows } from '../src/index.ts'

/** As many rows to a batch as `correlateFeatures` gives to a product. */
const [rowsPerBatch, rounds] = [2048, 3]
const sites = [
  { width: 128, sets: 4, rows: 30_720 },
  { width: 512, sets: 4, rows: 30_720 },
  { width: 768, sets: 2, rows: 30_720 },
  { width: 3072, sets: 1, rows: 10_240 },
]
const engine = await onnxEngine.create({ executionProvider: 'cpu' })

process.stdout.write(`batches of ${rowsPerBatch} rows, 1 thread; GFLOP/s of process time\n`)
process.stdout.write('width  sets   rows  correlating  products alone  ratio\n')
for (const { width, sets, rows } of sites) {
  const names = Array.from({ length: sets }, (_, set) => `ffn.${set}`)
  const [a, b] = [drawBatch(names, width, 1), drawBatch(names, width, 2)]
  const program = await engine.compile(productGraph(width), { outputs: ['product'] })
  const products = names.flatMap((name) => {
    const [left, right] = [a, b].map((batch) => batch.features.get(name)!.data.subarray(0, rowsPerBatch * width))
    const shape = [rowsPerBatch, width]
    return Array.from({ length: rows / rowsPerBatch }, () => ({
      left: { shape, data: left! },
      right: { shape, data: right! },
    }))
  })
  const times = await measureInTurn(
    [
      () =>
        correlateFeatures(
          engine,
          repeated(a, rows),
          repeated(b, rows),
          names.map((name) => ({ name, taps: [name], width })),
        ),
      async () => {
        for (const feeds of products) await program.run(new Map(), feeds)
      },
    ],
    rounds,
  )
  const flops = 2 * rows * width * width * sets
  const [ours, theirs] = times.map((seconds) => flops / seconds / 1e9) as [number, number]
  process.stdout.write(
    `${String(width).padStart(5)}  ${String(sets).padStart(4)}  ${rows}  ${ours.toFixed(1).padStart(11)}  ` +
      `${theirs.toFixed(1).padStart(14)}  ${(ours / theirs).toFixed(3)}\n`,
  )
}

/** `left [rows, width]ᵀ right [rows, width]`. */
function productGraph(width: number): Graph {
  const graph = graphBuilder('product')
  const [left, right] = ['left', 'right'].map((name) => graph.input(name, 'float32', ['rows', width]))
  graph.output('product', graph.matmul(left!, right!, { left: true }, 'product'))
  return graph.build()
}

/** The same batch again and again, until there are enough rows. */
async function* repeated(batch: FeatureRows, rows: number): AsyncGenerator<FeatureRows> {
  for (let count = 0; count < rows; count += rowsPerBatch) yield batch
}

function drawBatch(names: readonly string[], width: number, seed: number): FeatureRows {
  let state = seed
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.25
  }
  const sequence = new Int32Array(rowsPerBatch)
  return {
    sequence,
    position: sequence.map((_, row) => row),
    features: new Map(
      names.map((name) => {
        const data = Float32Array.from({ length: rowsPerBatch * width }, draw)
        return [name, { shape: [rowsPerBatch, width], data }]
      }),
    ),
  }
}

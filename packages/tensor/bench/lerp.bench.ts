/** The rate at which two models are interpolated in place, beside a plain copy of the same bytes.
 *
 *  Interpolating reads two arrays and writes one over one of them; a copy reads one and writes one. Each is counted by
 *  the bytes that it must move: 12 an element, and 8.
 */
import { lerp, type Tensor } from '../src/index.ts'

const elements = 110_000_000
const shape = [elements]
const make = (value: number): Tensor => ({ shape, data: new Float32Array(elements).fill(value) })
const [a, b] = [make(1), make(2)]
const rounds = 7
const [interpolating, copying]: [number[], number[]] = [[], []]
for (let round = 0; round < rounds; round++) {
  interpolating.push(seconds(() => lerp(a, b, 0.25, a)))
  copying.push(seconds(() => a.data.set(b.data)))
}
const gigabytes = (bytes: number, times: number[]) =>
  (bytes * elements) / times.sort((x, y) => x - y)[rounds >> 1]! / 1e9
const [ours, plain] = [gigabytes(12, interpolating), gigabytes(8, copying)]
process.stdout.write(
  `${elements / 1e6} million parameters in place, one thread, median of ${rounds} rounds in turn\n` +
    `interpolate  ${ours.toFixed(1)} GB/s\nplain copy   ${plain.toFixed(1)} GB/s\nratio        ${(ours / plain).toFixed(2)}\n`,
)

function seconds(run: () => void): number {
  const start = performance.now()
  run()
  return (performance.now() - start) / 1000
}

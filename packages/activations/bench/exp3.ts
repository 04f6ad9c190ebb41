import { onnxEngine } from '@isthmus/engine-onnx'

class S {
  sum: Float64Array
  sq: Float64Array
  shift: Float32Array
  constructor(w: number) {
    this.sum = new Float64Array(w)
    this.sq = new Float64Array(w)
    this.shift = new Float32Array(w).fill(0.1)
  }
  add4(data: Float32Array) {
    const { sum, sq, shift } = this
    const w = sum.length
    for (let base = 0; base < data.length; base += 4 * w) {
      const b1 = base + w,
        b2 = b1 + w,
        b3 = b2 + w
      for (let c = 0; c < w; c++) {
        const s = shift[c]!
        const a = data[base + c]! - s,
          b = data[b1 + c]! - s,
          d = data[b2 + c]! - s,
          e = data[b3 + c]! - s
        sum[c]! += a + b + (d + e)
        sq[c]! += a * a + b * b + (d * d + e * e)
      }
    }
  }
  add8(data: Float32Array) {
    const { sum, sq, shift } = this
    const w = sum.length
    for (let base = 0; base < data.length; base += 8 * w) {
      for (let c = 0; c < w; c++) {
        const s = shift[c]!
        const i = base + c
        const a = data[i]! - s,
          b = data[i + w]! - s,
          d = data[i + 2 * w]! - s,
          e = data[i + 3 * w]! - s,
          f = data[i + 4 * w]! - s,
          g = data[i + 5 * w]! - s,
          h = data[i + 6 * w]! - s,
          k = data[i + 7 * w]! - s
        sum[c]! += a + b + (d + e) + (f + g + (h + k))
        sq[c]! += a * a + b * b + (d * d + e * e) + (f * f + g * g + (h * h + k * k))
      }
    }
  }
  rows(data: Float32Array) {
    const { sum, sq, shift } = this
    const w = sum.length // sub-arrays per row
    for (let base = 0; base < data.length; base += 4 * w) {
      const r0 = data.subarray(base, base + w),
        r1 = data.subarray(base + w, base + 2 * w),
        r2 = data.subarray(base + 2 * w, base + 3 * w),
        r3 = data.subarray(base + 3 * w, base + 4 * w)
      for (let c = 0; c < w; c++) {
        const s = shift[c]!
        const a = r0[c]! - s,
          b = r1[c]! - s,
          d = r2[c]! - s,
          e = r3[c]! - s
        sum[c]! += a + b + (d + e)
        sq[c]! += a * a + b * b + (d * d + e * e)
      }
    }
  }
}
for (const width of [512, 128])
  for (const copies of [1, 32]) {
    const rows = 1024
    const datas = Array.from({ length: copies }, () =>
      Float32Array.from({ length: rows * width }, () => Math.random() - 0.3),
    )
    const m = new S(width)
    for (const k of ['add4', 'add8', 'rows'] as const) {
      let best = 1e9
      for (let r = 0; r < 40; r++) {
        const s = process.cpuUsage()
        for (const d of datas) m[k](d)
        const u = process.cpuUsage(s)
        best = Math.min(best, (u.user + u.system) / copies)
      }
      console.log(k, width, copies, ((best * 1000) / (rows * width)).toFixed(2), 'ns/elem')
    }
  }
const engine = await onnxEngine.create({ executionProvider: 'cpu' })
for (const d of [128, 512]) {
  const n = 1024
  const base = {
    architecture: 'p',
    inputs: [
      { name: 'left', dtype: 'float32' as const, shape: [n, d] },
      { name: 'right', dtype: 'float32' as const, shape: [n, d] },
    ],
    parameters: [],
    taps: [],
    outputs: { product: 'product' },
  }
  const plain = await engine.compile(
    {
      ...base,
      nodes: [
        {
          op: 'matmul' as const,
          left: 'left',
          right: 'right',
          transposeLeft: true,
          transposeRight: false,
          output: 'product',
        },
      ],
    },
    { outputs: ['product'] },
  )
  const sh = await engine.compile(
    {
      ...base,
      inputs: [
        ...base.inputs,
        { name: 'sl', dtype: 'float32' as const, shape: [d] },
        { name: 'sr', dtype: 'float32' as const, shape: [d] },
      ],
      nodes: [
        { op: 'add', left: 'left', right: 'sl', output: 'x' },
        { op: 'add', left: 'right', right: 'sr', output: 'y' },
        { op: 'matmul' as const, left: 'x', right: 'y', transposeLeft: true, transposeRight: false, output: 'product' },
      ],
    },
    { outputs: ['product'] },
  )
  const T = () => ({ shape: [n, d], data: Float32Array.from({ length: n * d }, () => Math.random()) }),
    v = { shape: [d], data: new Float32Array(d) }
  const feeds = { left: T(), right: T(), sl: v, sr: v }
  const best = [1e9, 1e9]
  for (let r = 0; r < 60; r++)
    for (const [i, p] of [plain, sh].entries()) {
      const c = process.cpuUsage()
      await p.run(new Map(), feeds)
      const u = process.cpuUsage(c)
      best[i] = Math.min(best[i]!, u.user + u.system)
    }
  console.log(d, best)
}

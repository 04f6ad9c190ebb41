import type { Tensor } from '@isthmus/tensor'

/** Means, standard deviations, covariance and correlation as the definitions have them, in two passes in f64. */
export function directCorrelation(a: Tensor, b: Tensor) {
  const [n, dA] = a.shape as [number, number]
  const dB = b.shape[1]!
  const column = ({ shape, data }: Tensor, j: number) =>
    Array.from({ length: n }, (_, row) => data[row * shape[1]! + j]!)
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / n
  const centred = (values: number[]) => {
    const mu = mean(values)
    return values.map((x) => x - mu)
  }
  const columnsA = Array.from({ length: dA }, (_, i) => column(a, i))
  const columnsB = Array.from({ length: dB }, (_, j) => column(b, j))
  const deviation = (values: number[]) => Math.sqrt(mean(centred(values).map((x) => x * x)))
  const [centredA, centredB] = [columnsA.map(centred), columnsB.map(centred)]
  const covariance = centredA.flatMap((x) => centredB.map((y) => mean(x.map((value, row) => value * y[row]!))))
  const [deviationsA, deviationsB] = [columnsA.map(deviation), columnsB.map(deviation)]
  const correlation = covariance.map((value, k) => {
    const scale = deviationsA[Math.floor(k / dB)]! * deviationsB[k % dB]!
    return scale === 0 ? 0 : value / scale
  })
  return {
    meansA: columnsA.map(mean),
    meansB: columnsB.map(mean),
    deviationsA,
    deviationsB,
    covariance,
    correlation,
  }
}

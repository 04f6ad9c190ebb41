import type { MatchingContext } from '@isthmus/alignment'

/** Correlations in [0, 1) of features that are `size` wide, another matrix for each feature set. */
export function randomCorrelation(size: number, seed: number): MatchingContext['correlation'] {
  return (featureSet) => {
    let state = [...featureSet].reduce((hash, letter) => Math.imul(hash, 31) + letter.charCodeAt(0), seed)
    const draw = () => {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
      return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32
    }
    const matrix = Float32Array.from({ length: size * size }, draw)
    return { matrix, rows: size, columns: size, constantA: [], constantB: [] }
  }
}

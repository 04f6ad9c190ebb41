import { type CrossCorrelation, crossCorrelation, type FeatureMoments } from '@isthmus/activations'
import { openSafetensors, writeSafetensors } from '@isthmus/checkpoint'
import { UserError } from '@isthmus/tensor'

/** The features of a set that never vary in A and in B. */
export interface ConstantFeatures {
  readonly name: string
  readonly constantA: number[]
  readonly constantB: number[]
}

/** Write the correlation matrix of each feature set, F32 `[d, d]` under its name. */
export async function writeCorrelations(
  path: string,
  moments: ReadonlyMap<string, FeatureMoments>,
): Promise<ConstantFeatures[]> {
  const correlations = [...moments].map(([name, value]) => ({ name, ...crossCorrelation(value) }))
  await writeSafetensors(
    path,
    correlations.map(({ name, matrix, rows, columns }) => ({
      name,
      dtype: 'F32' as const,
      shape: [rows, columns],
      data: matrix,
    })),
  )
  return correlations.map(({ name, constantA, constantB }) => ({
    name,
    constantA: [...constantA],
    constantB: [...constantB],
  }))
}

/** Read the correlation matrices of several files into one look-up.
 *
 *  @returns A function that gives a set's correlation, or throws naming the set that no file has.
 */
export async function readCorrelations(
  files: readonly { readonly path: string; readonly constants: readonly ConstantFeatures[] }[],
): Promise<(set: string) => CrossCorrelation> {
  const correlations = new Map<string, CrossCorrelation>()
  for (const { path, constants } of files) {
    await using file = await openSafetensors(path)
    for (const { name, constantA, constantB } of constants) {
      const { data, shape } = await file.read(name)
      correlations.set(name, { matrix: data, rows: shape[0]!, columns: shape[1]!, constantA, constantB })
    }
  }
  return (set) => {
    const found = correlations.get(set)
    if (found === undefined) {
      throw new UserError(`no correlation of '${set}' was computed; there are ${[...correlations.keys()].join(', ')}`)
    }
    return found
  }
}

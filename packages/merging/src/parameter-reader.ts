import type { Weights } from '@isthmus/engine'
import type { Tensor } from '@isthmus/tensor'

/** Reads one parameter of a model by name, as f32. The caller owns the buffer. */
export type ParameterReader = (name: string) => Promise<Tensor>

/** Read parameters one after another into memory. */
export async function readWeights(read: ParameterReader, names: Iterable<string>): Promise<Weights> {
  const weights = new Map<string, Tensor>()
  for (const name of names) weights.set(name, await read(name))
  return weights
}

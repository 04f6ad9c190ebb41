import { canonicalNames } from './canonical-names.ts'
import { CheckpointError } from './checkpoint-error.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { type NamingScheme, namingSchemes } from './naming-schemes.ts'
import type { TensorInfo } from './safetensors-header.ts'

/** The tensors of a checkpoint under canonical names. */
export interface CanonicalTensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** Stored names by canonical names. */
  readonly storedNames: ReadonlyMap<string, string>
  /** What was mapped, one sentence each. */
  readonly mapped: readonly string[]
  /** Whether a decoder is stored that is not the embeddings, though the configuration ties it. */
  readonly isUntied: boolean
}

type Config = Readonly<Record<string, unknown>>

/** Give tensors their canonical names, and leave out the second copy of a tied decoder.
 *
 *  Names alone decide, but for a decoder that is stored beside the embeddings: unless the two lie on the same bytes,
 *  their elements are compared, in stretches of 1 MiB, up to the first difference.
 *  @param config Its `model_type` tells the {@link NamingScheme}; where none is known, all names stay.
 *  @param source What an error calls the checkpoint.
 *  @throws {CheckpointError} when two tensors would have one name but differ.
 */
export async function canonicalTensors(
  stored: ReadonlyMap<string, TensorInfo>,
  config: Config,
  pool: RangeReader,
  source: string,
): Promise<CanonicalTensors> {
  const scheme = namingSchemes.find(({ modelType }) => modelType === config.model_type)
  if (scheme === undefined) {
    const storedNames = new Map([...stored.keys()].map((name) => [name, name]))
    return { tensors: stored, storedNames, mapped: [], isUntied: false }
  }
  const { toCanonical, report } = canonicalNames(scheme, stored.keys(), source)
  const tensors = new Map([...toCanonical].map(([name, canonical]) => [canonical, stored.get(name)!]))
  const storedNames = new Map([...toCanonical].map(([name, canonical]) => [canonical, name]))
  const bias = await dropSecondBias(scheme, tensors, pool, source)
  const decoder = await dropTiedDecoder(scheme, tensors, config, pool)
  for (const name of storedNames.keys()) if (!tensors.has(name)) storedNames.delete(name)
  const mapped = [...report, ...bias, ...decoder.report]
  return { tensors, storedNames, mapped, isUntied: decoder.isUntied }
}

async function dropSecondBias(
  { decoder }: NamingScheme,
  tensors: Map<string, TensorInfo>,
  pool: RangeReader,
  source: string,
): Promise<string[]> {
  const { alias, name } = decoder?.bias ?? { alias: '', name: '' }
  const [second, first] = [tensors.get(alias), tensors.get(name)]
  if (second === undefined || first === undefined) return []
  if (!(await haveSameElements(first, second, pool))) {
    throw new CheckpointError(
      `${source} has two tensors that mean ${name}, which differ: ${name} and ${alias}; remove one of them`,
    )
  }
  tensors.delete(alias)
  return [`${alias} is left out: it equals ${name}`]
}

async function dropTiedDecoder(
  { decoder }: NamingScheme,
  tensors: Map<string, TensorInfo>,
  config: Config,
  pool: RangeReader,
): Promise<{ report: string[]; isUntied: boolean }> {
  const { weight, embeddings } = decoder ?? { weight: '', embeddings: '' }
  const [own, words] = [tensors.get(weight), tensors.get(embeddings)]
  if (own === undefined || words === undefined || config.tie_word_embeddings === false) {
    return { report: [], isUntied: false }
  }
  if (await haveSameElements(own, words, pool)) {
    tensors.delete(weight)
    return { report: [`${weight} is left out: it equals ${embeddings}, to which it is tied`], isUntied: false }
  }
  const report = [`${weight} differs from ${embeddings}: the decoder is untied (tie_word_embeddings is read as false)`]
  return { report, isUntied: true }
}

const STRETCH_BYTES = 2 ** 20

/** Whether two tensors agree in type, shape and every bit. A strided one agrees with none but itself. */
async function haveSameElements(a: TensorInfo, b: TensorInfo, pool: RangeReader): Promise<boolean> {
  const layout = ({ dtype, shape, strides }: TensorInfo) => JSON.stringify([dtype, shape, strides])
  if (layout(a) !== layout(b)) return false
  if (a.file === b.file && a.byteOffset === b.byteOffset) return true
  if (a.strides !== undefined) return false
  const [left, right] = [Buffer.alloc(STRETCH_BYTES), Buffer.alloc(STRETCH_BYTES)]
  for (let begin = 0; begin < a.byteLength; begin += STRETCH_BYTES) {
    const length = Math.min(STRETCH_BYTES, a.byteLength - begin)
    await pool.read(a.file, left.subarray(0, length), a.byteOffset + begin)
    await pool.read(b.file, right.subarray(0, length), b.byteOffset + begin)
    if (!left.subarray(0, length).equals(right.subarray(0, length))) return false
  }
  return true
}

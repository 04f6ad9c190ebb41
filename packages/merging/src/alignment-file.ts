import { type Alignment, type AlignmentSpace, graphSpace } from '@isthmus/alignment'
import { CheckpointError, openSafetensors, type TensorToWrite, writeSafetensors } from '@isthmus/checkpoint'
import { type Permutation, permutation, type Tensor, UserError } from '@isthmus/tensor'

/** Write an alignment as safetensors, under each axis's name: a permutation as I32 `[d]`, `B'[i] = B[π[i]]`, a soft
 *  transport as F32 `[d, d]`, `B'[i] = Σ_j T[i, j] B[j]`.
 *
 *  A file of permutations alone has the format `isthmus-permutations`; with transports it is `isthmus-transports`, so
 *  that what reads only the former refuses it.
 *  @param metadata What to remember of it, e.g. its method and the digests of both models.
 */
export async function writeAlignment(
  path: string,
  { permutations, transports = new Map(), space }: Alignment,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const permuted = [...permutations].map(
    ([name, indices]): TensorToWrite => ({ name, dtype: 'I32', shape: [indices.length], data: indices }),
  )
  const transported = [...transports].map(
    ([name, { shape, data }]): TensorToWrite => ({ name, dtype: 'F32', shape, data }),
  )
  const format = transports.size > 0 ? transportFormat : permutationFormat
  await writeSafetensors(path, [...permuted, ...transported], { ...metadata, ...space, format })
}

/** Read an alignment that `writeAlignment` wrote.
 *
 *  @throws {UserError} naming the file, and the entry that is no permutation, or no soft transport.
 */
export async function readAlignment(path: string): Promise<Alignment> {
  await using file = await openSafetensors(path)
  const { format } = file.metadata
  if (format !== permutationFormat && format !== transportFormat) {
    throw new UserError(
      `${path} holds no permutations: its format is ${format ?? 'not given'}, but isthmus-permutations ` +
        'is needed, as a merged folder has in its permutations.safetensors',
    )
  }
  const permutations = new Map<string, Permutation>()
  const transports = new Map<string, Tensor>()
  for (const [name, { dtype }] of file.tensors) {
    try {
      if (format === transportFormat && dtype === 'F32') transports.set(name, softTransport(await file.read(name)))
      else permutations.set(name, permutation((await file.readInt32(name)).data))
    } catch (cause) {
      if (!(cause instanceof UserError) || cause instanceof CheckpointError) throw cause
      throw new UserError(`${path}: '${name}' is ${cause.message}; align the models again`, { cause })
    }
  }
  return { permutations, ...(transports.size > 0 ? { transports } : {}), space: readSpace(path, file.metadata) }
}

const permutationFormat = 'isthmus-permutations'
const transportFormat = 'isthmus-transports'

/** How far the sum of a row may be from 1: the rounding of some thousand f32 entries. */
const rowTolerance = 1e-3

function softTransport(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.shape
  if (tensor.shape.length !== 2 || rows !== columns) {
    throw new UserError(`no soft transport: a square matrix is needed, found [${tensor.shape.join(', ')}]`)
  }
  for (let i = 0; i < rows!; i++) {
    const row = tensor.data.subarray(i * rows!, (i + 1) * rows!)
    const sum = row.reduce((total, weight) => total + weight, 0)
    if (row.every((weight) => weight >= 0) && Math.abs(sum - 1) <= rowTolerance) continue
    throw new UserError(`no soft transport: row ${i} sums to ${sum}, but must be weights that sum to 1`)
  }
  return tensor
}

/** Files without a space in their metadata are of the graph's own. */
function readSpace(path: string, metadata: Readonly<Record<string, string>>): AlignmentSpace {
  const one = <Value extends string>(field: keyof AlignmentSpace, values: readonly Value[]): Value => {
    const found = values.find((value) => value === (metadata[field] ?? graphSpace[field]))
    if (found !== undefined) return found
    throw new UserError(
      `${path}: ${field} is '${metadata[field]}', expected ${values.join(' or ')}; align the models again`,
    )
  }
  return {
    skips: one('skips', ['kept', 'ignored']),
    decoder: one('decoder', ['exact', 'untied', 'released-code']),
  }
}

import { type Alignment, type AlignmentSpace, graphSpace } from '@isthmus/alignment'
import { openSafetensors, writeSafetensors } from '@isthmus/checkpoint'
import { type Permutation, permutation, UserError } from '@isthmus/tensor'

/** Write an alignment as safetensors: one I32 permutation `[size]` under each axis's name, `B'[i] = B[π[i]]`.
 *
 *  @param metadata What to remember of it, e.g. its method and the digests of both models.
 */
export async function writeAlignment(
  path: string,
  { permutations, space }: Alignment,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const tensors = [...permutations].map(([name, indices]) => ({
    name,
    dtype: 'I32' as const,
    shape: [indices.length],
    data: indices,
  }))
  await writeSafetensors(path, tensors, { ...metadata, ...space, format: 'isthmus-permutations' })
}

/** Read an alignment that `writeAlignment` wrote.
 *
 *  @throws {UserError} naming the file, and the entry that is no permutation.
 */
export async function readAlignment(path: string): Promise<Alignment> {
  await using file = await openSafetensors(path)
  if (file.metadata.format !== 'isthmus-permutations') {
    throw new UserError(
      `${path} holds no permutations: its format is ${file.metadata.format ?? 'not given'}, but isthmus-permutations ` +
        'is needed, as a merged folder has in its permutations.safetensors',
    )
  }
  const permutations = new Map<string, Permutation>()
  for (const name of file.tensors.keys()) {
    const { data } = await file.readInt32(name)
    try {
      permutations.set(name, permutation(data))
    } catch (cause) {
      throw new UserError(`${path}: '${name}' is ${(cause as Error).message}; align the models again`, { cause })
    }
  }
  return { permutations, space: readSpace(path, file.metadata) }
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

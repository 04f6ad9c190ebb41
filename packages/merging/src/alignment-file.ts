import type { Alignment } from '@isthmus/alignment'
import { openSafetensors, writeSafetensors } from '@isthmus/checkpoint'
import { type Permutation, permutation, UserError } from '@isthmus/tensor'

/** Write an alignment as safetensors: one I32 permutation `[size]` under each axis's name, `B'[i] = B[π[i]]`.
 *
 *  @param metadata What to remember of it, e.g. its method and the digests of both models.
 */
export async function writeAlignment(
  path: string,
  alignment: Alignment,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const tensors = [...alignment].map(([name, indices]) => ({
    name,
    dtype: 'I32' as const,
    shape: [indices.length],
    data: indices,
  }))
  await writeSafetensors(path, tensors, { ...metadata, format: 'isthmus-permutations' })
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
  const alignment = new Map<string, Permutation>()
  for (const name of file.tensors.keys()) {
    const { data } = await file.readInt32(name)
    try {
      alignment.set(name, permutation(data))
    } catch (cause) {
      throw new UserError(`${path}: '${name}' is ${(cause as Error).message}; align the models again`, { cause })
    }
  }
  return alignment
}

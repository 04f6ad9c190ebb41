import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Alignment, graphSpace } from '@isthmus/alignment'
import { CheckpointError, openSafetensors, writeSafetensors } from '@isthmus/checkpoint'
import { type Permutation, permutation, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAlignment, writeAlignment } from '../src/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const permutations = fc
  .integer({ min: 1, max: 12 })
  .chain((size) => fc.shuffledSubarray([...Array(size).keys()], { minLength: size, maxLength: size }))
  .map((order) => permutation(Int32Array.from(order)))

const alignments: fc.Arbitrary<Alignment> = fc.record({
  permutations: fc
    .uniqueArray(fc.tuple(fc.constantFrom('ffn.0', 'ffn.11', 'attention.0', 'queryKey.0', 'residual'), permutations), {
      selector: ([name]) => name,
    })
    .map((entries) => new Map<string, Permutation>(entries)),
  space: fc.record({
    skips: fc.constantFrom('kept', 'ignored'),
    decoder: fc.constantFrom('exact', 'untied', 'released-code'),
  }),
})

describe('an alignment file', () => {
  it('gives back what was written, its space, and what was noted beside it', async () => {
    const folder = await temporaryFolder()
    let count = 0
    await fc.assert(
      fc.asyncProperty(alignments, async (alignment) => {
        const path = join(folder, `${count++}.safetensors`)
        await writeAlignment(path, alignment, { method: 'ffn' })
        const read = await readAlignment(path)
        expect(new Map([...read.permutations].sort())).toEqual(new Map([...alignment.permutations].sort()))
        expect(read.space).toEqual(alignment.space)
        await using file = await openSafetensors(path)
        expect(file.metadata).toEqual({ format: 'isthmus-permutations', method: 'ffn', ...alignment.space })
      }),
      { numRuns: 40 },
    )
  })

  it('gives back soft transports, beside the permutations of other axes', async () => {
    const path = join(await temporaryFolder(), 'transports.safetensors')
    const alignment: Alignment = {
      permutations: new Map([['ffn.0', permutation(Int32Array.of(1, 0))]]),
      transports: new Map([['residual', { shape: [2, 2], data: Float32Array.of(0.25, 0.75, 0.75, 0.25) }]]),
      space: graphSpace,
    }
    await writeAlignment(path, alignment, { method: 'ffn/transport+residual/transport/sinkhorn' })
    expect(await readAlignment(path)).toEqual(alignment)
    await using file = await openSafetensors(path)
    expect(file.metadata).toEqual({
      format: 'isthmus-transports',
      method: 'ffn/transport+residual/transport/sinkhorn',
      ...graphSpace,
    })
    expect(file.tensors.get('residual')).toMatchObject({ dtype: 'F32', shape: [2, 2] })
  })

  it.each([
    [[2, 2], [0.5, 0.5, 0.5, 0.25], 'row 1 sums to 0.75, but must be weights that sum to 1'],
    [[2, 2], [1.5, -0.5, 0, 1], 'row 0 sums to 1, but must be weights that sum to 1'],
    [[2, 1], [1, 1], 'a square matrix is needed, found [2, 1]'],
  ])('with an entry that is no soft transport is refused: %j %j', async (shape, weights, reason) => {
    const path = join(await temporaryFolder(), 'soft.safetensors')
    const tensors = [{ name: 'ffn.0', dtype: 'F32' as const, shape, data: Float32Array.from(weights) }]
    await writeSafetensors(path, tensors, { format: 'isthmus-transports' })
    await expect(readAlignment(path)).rejects.toThrow(
      new UserError(`${path}: 'ffn.0' is no soft transport: ${reason}; align the models again`),
    )
  })

  it('without a space is of the graph’s own', async () => {
    const path = join(await temporaryFolder(), 'earlier.safetensors')
    const tensors = [{ name: 'ffn.0', dtype: 'I32' as const, shape: [2], data: Int32Array.of(1, 0) }]
    await writeSafetensors(path, tensors, { format: 'isthmus-permutations' })
    expect((await readAlignment(path)).space).toEqual(graphSpace)
  })

  it.each([
    [{ decoder: 'tied' }, "decoder is 'tied', expected exact or untied or released-code; align the models again"],
    [{ skips: '' }, "skips is '', expected kept or ignored; align the models again"],
  ])('of an unknown space is refused: %o', async (space, sentence) => {
    const path = join(await temporaryFolder(), 'unknown.safetensors')
    await writeSafetensors(path, [], { ...space, format: 'isthmus-permutations' })
    await expect(readAlignment(path)).rejects.toThrow(new UserError(`${path}: ${sentence}`))
  })

  it('with an entry that is no permutation is refused', async () => {
    const path = join(await temporaryFolder(), 'corrupt.safetensors')
    const corrupt = Int32Array.of(0, 2, 2, 1)
    await writeAlignment(path, { permutations: new Map([['ffn.0', corrupt as Permutation]]), space: graphSpace }, {})
    await expect(readAlignment(path)).rejects.toThrow(
      new UserError(
        `${path}: 'ffn.0' is not a permutation of 4: 2 occurs twice, but each of 0 to 3 must occur exactly once; align ` +
          'the models again',
      ),
    )
  })

  it('with an entry of another type is refused', async () => {
    const path = join(await temporaryFolder(), 'floats.safetensors')
    const floats = [{ name: 'ffn.0', dtype: 'F32' as const, shape: [2], data: Float32Array.of(1, 0) }]
    await writeSafetensors(path, floats, { format: 'isthmus-permutations' })
    await expect(readAlignment(path)).rejects.toThrow(
      new CheckpointError(`tensor 'ffn.0' of ${path} is stored as F32, but is read as an I32 or I64 tensor`),
    )
  })

  it('is not a file of weights', async () => {
    const path = fileURLToPath(new URL('../../../datasets/models/seed-1/model.safetensors', import.meta.url))
    await expect(readAlignment(path)).rejects.toThrow(
      new UserError(
        `${path} holds no permutations: its format is pt, but isthmus-permutations is needed, as a merged folder has in ` +
          'its permutations.safetensors',
      ),
    )
  })
})

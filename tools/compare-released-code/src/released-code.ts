import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Alignment } from '@isthmus/alignment'
import { openSafetensors } from '@isthmus/checkpoint'
import type { MaskedBlocks } from '@isthmus/corpus'
import type { Symmetries } from '@isthmus/model'
import { type Permutation, permutation } from '@isthmus/tensor'
import { z } from 'zod'

/** What the authors' released code was given and gave, for A = seed-1 and B = seed-2. */
export interface ReleasedCode {
  /** The sentences whose features are correlated: token ids with their special tokens. */
  readonly sentences: readonly Int32Array[]
  /** The evaluation set, `[123, 128]`, masks drawn. */
  readonly blocks: Pick<MaskedBlocks, 'inputIds' | 'labels'>
  /** Blocks in each batch of its evaluation: they weigh its mean. */
  readonly batchSizes: readonly number[]
  readonly lambdas: readonly number[]
  readonly results: readonly ReleasedResult[]
}

/** What it gave for one merge type. */
export interface ReleasedResult {
  /** What the released code calls it. */
  readonly config: string
  /** The method of `@isthmus/alignment` that computes the same. */
  readonly method: string
  /** By tap: the permutation, and the mean of the correlation matrix's diagonal before and after it. */
  readonly sites: ReadonlyMap<string, { permutation: Permutation; diagonalBefore: number; diagonalAfter: number }>
  /** Of the features that the MLM head's decoder reads: computed for every merge type but `vanilla`, applied for none. */
  readonly headPermutation: Permutation | null
  /** At each of `lambdas`. */
  readonly losses: readonly number[]
}

const methods: Readonly<Record<string, string>> = {
  vanilla: 'vanilla',
  ff_only: 'ffn',
  'ff+attn/monotonic': 'ffn+attention/monotonic',
  'ff+attn/ignore_heads': 'ffn+attention/ignore-heads',
  'ff+attn/head_perm': 'ffn+attention/head-perm',
}

const releasedJson = z.object({
  lambdas: z.array(z.number()),
  configs: z.record(
    z.string(),
    z.object({ diag_before: z.record(z.string(), z.number()), diag_after: z.record(z.string(), z.number()) }),
  ),
  eval: z.record(z.string(), z.record(z.string(), z.object({ loss: z.array(z.number()) }))),
})

/** Read the files of `fixtures/`. */
export async function readReleasedCode(folder: string): Promise<ReleasedCode> {
  await using tokens = await openSafetensors(join(folder, 'align-tokens.safetensors'))
  await using batches = await openSafetensors(join(folder, 'eval-batches.safetensors'))
  const json = releasedJson.parse(JSON.parse(await readFile(join(folder, 'released-code.json'), 'utf8')))
  const permutations = await readPermutations(folder)
  const results = Object.entries(methods).map(([config, method]): ReleasedResult => {
    const { diag_before = {}, diag_after = {} } = json.configs[config] ?? {}
    const sites = Object.keys(diag_before).flatMap((site) => {
      const tap = tapOf(site)
      if (tap === null) return []
      const found = permutations.get(`${config}|${site}`)!
      return [
        [tap, { permutation: found, diagonalBefore: diag_before[site]!, diagonalAfter: diag_after[site]! }],
      ] as const
    })
    const headPermutation = permutations.get(`${config}|cls.predictions.decoder:in`) ?? null
    return { config, method, sites: new Map(sites), headPermutation, losses: json.eval[config]!.clean!.loss }
  })
  return {
    sentences: cut((await tokens.readInt32('ids')).data, (await tokens.readInt32('lengths')).data),
    blocks: { inputIds: await batches.readInt32('input_ids'), labels: await batches.readInt32('labels') },
    batchSizes: [...(await batches.readInt32('batch_sizes')).data],
    lambdas: json.lambdas,
    results,
  }
}

/** All permutations by `config|site`, `B'[i] = B[π(i)]`. */
async function readPermutations(folder: string): Promise<ReadonlyMap<string, Permutation>> {
  await using file = await openSafetensors(join(folder, 'permutations.safetensors'))
  const permutations = new Map<string, Permutation>()
  for (const name of file.tensors.keys()) permutations.set(name, permutation((await file.readInt32(name)).data))
  return permutations
}

/** The released permutations as an alignment: those of an attention's contexts are its queries' and keys' as well. */
export function releasedAlignment({ sites }: ReleasedResult, symmetries: Symmetries): Alignment {
  const axisOf = (tap: string) => symmetries.axisOfTap(tap)!.name
  return new Map(
    [...sites].flatMap(([tap, site]): [string, Permutation][] => {
      const own: [string, Permutation] = [axisOf(tap), site.permutation]
      return tap.startsWith('attention.') ? [own, [axisOf(tap.replace('attention', 'query')), site.permutation]] : [own]
    }),
  )
}

/** The tap where the features of a site are read, which the released code names as the input of a layer. Null for the
 *  MLM head's. */
function tapOf(site: string): string | null {
  const match = /layer\.(\d+)\.(attention\.)?output\.dense:in$/.exec(site)
  return match && `${match[2] === undefined ? 'ffn' : 'attention'}.${match[1]}`
}

function cut(ids: Int32Array, lengths: Int32Array): Int32Array[] {
  let end = 0
  return Array.from(lengths, (length) => {
    end += length
    return ids.subarray(end - length, end)
  })
}

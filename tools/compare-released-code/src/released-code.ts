import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Alignment, alignmentMethod, alignmentSymmetries } from '@isthmus/alignment'
import { openSafetensors } from '@isthmus/checkpoint'
import type { MaskedBlocks } from '@isthmus/corpus'
import type { Graph } from '@isthmus/model'
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

/** What it gave at one site. */
export interface ReleasedSite {
  /** The feature set of `@isthmus/alignment` whose correlations chose the permutation. */
  readonly featureSet: string
  readonly permutation: Permutation
  /** The mean of the correlation matrix's diagonal before and after the permutation. */
  readonly diagonalBefore: number
  readonly diagonalAfter: number
}

/** What it gave for one merge type and one way to evaluate it. */
export interface ReleasedResult {
  /** What the released code calls it. */
  readonly config: string
  /** The method of `@isthmus/alignment` that computes the same. */
  readonly method: string
  /** By tap. */
  readonly sites: ReadonlyMap<string, ReleasedSite>
  /** Of the features that the MLM head's decoder reads: computed for every merge type but `vanilla`, applied for none. */
  readonly headPermutation: Permutation | null
  /** At each of `lambdas`. */
  readonly losses: readonly number[]
}

/** One figure's origin: the merge type, the evaluation, and what it is here. */
interface Source extends Pick<ReleasedResult, 'config' | 'method'> {
  /** `unmerge=released`: the decoder as the authors' evaluation has it; `unmerge=fixed`: with that put right. */
  readonly evaluation: 'clean' | 'clean/unmerge=fixed' | 'clean/unmerge=released'
  /** The feature set that all sites of the residual stream were given the correlations of; each has its own without. */
  readonly stream?: string
}

const sources: readonly Source[] = [
  ...Object.entries({
    vanilla: 'vanilla',
    ff_only: 'ffn',
    'ff+attn/monotonic': 'ffn+attention/monotonic',
    'ff+attn/ignore_heads': 'ffn+attention/ignore-heads',
    'ff+attn/head_perm': 'ffn+attention/head-perm',
  }).map(([config, method]): Source => ({ config, method, evaluation: 'clean' })),
  {
    config: 'res/identity',
    method: 'residual/identity',
    evaluation: 'clean/unmerge=fixed',
    stream: 'residual.embeddings',
  },
  ...bothDecoders('res/first', 'residual/first', 'residual.embeddings'),
  ...bothDecoders('res/last', 'residual/last', 'residual.3.output'),
  ...bothDecoders('res/all', 'residual/all', 'residual.all'),
  ...bothDecoders('res/sep', 'residual/separate'),
  ...bothDecoders('all/first', 'ffn+attention/head-perm+residual/first', 'residual.embeddings'),
]

function bothDecoders(config: string, method: string, stream?: string): Source[] {
  const source = { config, ...(stream === undefined ? {} : { stream }) }
  return [
    { ...source, method: `${method}/untied`, evaluation: 'clean/unmerge=fixed' },
    { ...source, method: `${method}/released-code`, evaluation: 'clean/unmerge=released' },
  ]
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
  const results = sources.map(({ config, method, evaluation, stream }): ReleasedResult => {
    const { diag_before = {}, diag_after = {} } = json.configs[config] ?? {}
    const sites = Object.keys(diag_before).flatMap((site): [string, ReleasedSite][] => {
      const tap = tapOf(site)
      if (tap === null) return []
      const found: ReleasedSite = {
        featureSet: tap.startsWith('residual.') ? (stream ?? tap) : tap,
        permutation: permutations.get(`${config}|${site}`)!,
        diagonalBefore: diag_before[site]!,
        diagonalAfter: diag_after[site]!,
      }
      return [[tap, found]]
    })
    const headPermutation = permutations.get(`${config}|cls.predictions.decoder:in`) ?? null
    return { config, method, sites: new Map(sites), headPermutation, losses: json.eval[config]![evaluation]!.loss }
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

/** The released permutations as an alignment: those of an attention's contexts are its queries' and keys' as well.
 *
 *  @param graph As the method's space needs it.
 */
export function releasedAlignment({ method, sites }: ReleasedResult, graph: Graph): Alignment {
  const { space } = alignmentMethod(method)
  const group = alignmentSymmetries(graph, space)
  const axisOf = (tap: string) => group.axisOfTap(tap)!.name
  const permutations = [...sites].flatMap(([tap, site]): [string, Permutation][] => {
    const own: [string, Permutation] = [axisOf(tap), site.permutation]
    return tap.startsWith('attention.') ? [own, [axisOf(tap.replace('attention', 'query')), site.permutation]] : [own]
  })
  return { permutations: new Map(permutations), space }
}

/** The tap where the features of a site are read, which the released code names as the input or the output of a layer.
 *  Null for the MLM head's. */
function tapOf(site: string): string | null {
  if (site === 'bert.embeddings.LayerNorm:out') return 'residual.embeddings'
  const norm = /layer\.(\d+)\.(attention\.)?output\.LayerNorm:out$/.exec(site)
  if (norm !== null) return `residual.${norm[1]}.${norm[2] === undefined ? 'output' : 'attention'}`
  const dense = /layer\.(\d+)\.(attention\.)?output\.dense:in$/.exec(site)
  return dense && `${dense[2] === undefined ? 'ffn' : 'attention'}.${dense[1]}`
}

function cut(ids: Int32Array, lengths: Int32Array): Int32Array[] {
  let end = 0
  return Array.from(lengths, (length) => {
    end += length
    return ids.subarray(end - length, end)
  })
}

import type { Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import type { AttentionCorrelation } from './correlation-heatmap.ts'
import type { FigureRequest, TensorSource } from './figure.ts'
import { describeStudy, matchedOn } from './study-description.ts'

interface AlignedPair {
  readonly model_a: string
  readonly model_b: string
  readonly method: string
  /** Of the node that aligned the pair. */
  readonly key: string
  readonly tokens: number
}

/** Read the correlation matrix of one attention layer of a pair of models from the cache.
 *
 *  The results say which operation aligned the pair and from which correlations; the cache holds what these made.
 *
 *  @throws {UserError} naming the study, pair, method or layer that there is nothing of, and what to run.
 */
export async function readAttentionCorrelation(request: FigureRequest): Promise<AttentionCorrelation> {
  const { results, study, layer = 0, tensors } = request
  if (tensors === undefined) throw new TypeError('a correlation matrix is read from the cache: give `tensors`')
  const description = await describeStudy(results, study)
  const aligned = await alignedPair(request)
  const set = `attention.${layer}`
  const matrix = await correlationOf(results, tensors, aligned, set)
  const permutation = await tensors.read(aligned.key, 'permutations', set)
  const heads = await headsOf(results, aligned.model_a)
  if (matrix === undefined || permutation === undefined || heads === undefined) {
    throw new UserError(await missing(results, request, aligned, layer))
  }
  return {
    study,
    modelA: aligned.model_a,
    modelB: aligned.model_b,
    layer,
    method: aligned.method,
    heads,
    text: matchedOn(description),
    tokens: aligned.tokens,
    matrix: matrix.data,
    size: matrix.shape[0]!,
    permutation: permutation.data,
  }
}

/** The pair and method asked for, among those whose method matched the features of attention. */
async function alignedPair({ results, study, pair, method }: FigureRequest): Promise<AlignedPair> {
  const pairs = await results.query<AlignedPair>(
    `with own as (
       select * from alignment semi join current_run using (study, run) where study = $1
     )
     select model_a, model_b, method, key, own.tokens
     from own left join leaderboard using (study, variant, method)
     where exists (from correlation where correlation.alignment = own.key and site = 'attention')
     order by own.symmetry = 'broken', barrier, method, pair, variant desc`,
    [study],
  )
  if (pairs.length === 0) {
    throw new UserError(
      `Study "${study}" matched no attention features, so there is no correlation of heads to draw: run one that does, ` +
        `isthmus run ${study} --set methods=vanilla,head-perm`,
    )
  }
  const found = pairs.find(
    (row) =>
      (pair === undefined || (row.model_a === pair[0] && row.model_b === pair[1])) &&
      (method === undefined || row.method === method),
  )
  if (found !== undefined) return found
  const asked = [pair?.join(','), method].filter((part) => part !== undefined).join(' by ')
  const known = [...new Set(pairs.map((row) => `${row.model_a},${row.model_b}`))].join('; ')
  const methods = [...new Set(pairs.map((row) => row.method))].join(', ')
  throw new UserError(
    `Study "${study}" matched no attention features of ${asked}; its pairs are ${known}, aligned by ${methods}`,
  )
}

/** The correlations that an alignment was made from: of several files, the one that has the set. */
async function correlationOf(results: Results, tensors: TensorSource, { key }: AlignedPair, set: string) {
  const makers = await results.query<{ key: string }>(
    `select made.key from artifact made
     where made.operation in ('activations.correlate', 'activations.correlate-streamed')
       and made.digest in (
         select unnest(from_json(json_extract(inputs, '$.correlations'), '["varchar"]')) from artifact where key = $1
       )
     order by made.key`,
    [key],
  )
  for (const maker of makers) {
    const tensor = await tensors.read(maker.key, 'correlations', set)
    if (tensor !== undefined) return tensor
  }
  return undefined
}

async function headsOf(results: Results, model: string): Promise<number | undefined> {
  const [row] = await results.query<{ heads: number }>(
    'select heads from model where name = $1 and heads > 0 order by digest limit 1',
    [model],
  )
  return row?.heads
}

async function missing(results: Results, { study }: FigureRequest, pair: AlignedPair, layer: number): Promise<string> {
  const layers = await results.query<{ layer: number }>(
    `select layer from correlation where alignment = $1 and site = 'attention' order by 1`,
    [pair.key],
  )
  const known = layers.map((row) => row.layer)
  if (!known.includes(layer))
    return `Study "${study}" has no attention layer ${layer}; its layers are ${known.join(', ')}`
  return (
    `The correlations of ${pair.model_a} and ${pair.model_b} in study "${study}" are not in the cache any more: ` +
    `isthmus run ${study} computes them again`
  )
}

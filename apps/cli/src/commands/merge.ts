import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { FileToSave } from '@isthmus/checkpoint'
import { assertLambda, assertWeights } from '@isthmus/merging'
import { type FolderModel, openModels } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import { type AlignedModel, type AlignOptions, alignedByFile, alignModels } from '../align-models.ts'
import { type Merge, modelCard, permutationsFile } from '../model-card.ts'
import { saveModels } from '../save-models.ts'
import { savePermutations } from '../save-permutations.ts'
import { openSession, type Session } from '../session.ts'

interface MergeOptions extends AlignOptions {
  readonly out: string
  readonly permutations?: readonly string[]
  readonly lambda?: string
  readonly overwrite?: boolean
  readonly json?: boolean
}

/** `isthmus merge`: align models to the first, average, write a Hugging Face folder with a model card and the permutations. */
export async function mergeCommand(folders: readonly string[], options: MergeOptions): Promise<void> {
  if (folders.length < 2) throw new UserError(`merging needs at least 2 folders of models, found ${folders.length}`)
  const weights = mergeWeights(options.lambda, folders.length)
  await using session = await openSession()
  const [reference, ...others] = (await openModels(
    session.cache,
    folders.map((folder) => resolve(folder)),
  )) as [FolderModel, ...FolderModel[]]
  const aligned = await alignOthers(reference, others, options, session)
  const [weight, ...rest] = weights as [number, ...number[]]
  const merge: Merge = { reference, weight, others: aligned.map((one, index) => ({ ...one, weight: rest[index]! })) }
  await writeMerge(merge, options)
  process.stdout.write(
    options.json === true ? `${JSON.stringify(report(merge, options), null, 2)}\n` : told(merge, options),
  )
}

/** Weights of all models from `--lambda`: one for each, or of two the first's; equal ones where it is not given. */
function mergeWeights(lambda: string | undefined, count: number): number[] {
  if (lambda === undefined) return Array.from({ length: count }, () => 1 / count)
  const weights = lambda.split(',').map((text) => (text.trim() === '' ? Number.NaN : Number(text)))
  if (weights.length === 1 && count === 2) {
    assertLambda(weights[0]!)
    return [weights[0]!, 1 - weights[0]!]
  }
  if (weights.length !== count) {
    throw new UserError(
      `--lambda ${lambda} has ${weights.length} weights, but there are ${count} models: give one each, 0.5,0.25,0.25`,
    )
  }
  assertWeights(weights)
  return weights
}

async function alignOthers(
  reference: FolderModel,
  others: readonly FolderModel[],
  options: MergeOptions,
  session: Session,
): Promise<AlignedModel[]> {
  const files = options.permutations
  if (files === undefined) return alignModels(reference, others, options, session)
  if (files.length !== others.length) {
    throw new UserError(
      `--permutations names ${files.length} files, but ${others.length} models are moved to ${reference.name}: give one each`,
    )
  }
  const aligned: AlignedModel[] = []
  for (const [index, model] of others.entries()) aligned.push(await alignedByFile(model, files[index]!, session))
  return aligned
}

async function writeMerge(merge: Merge, { out, overwrite }: MergeOptions): Promise<void> {
  const { reference, weight, others } = merge
  const temporary = await mkdtemp(join(tmpdir(), 'isthmus-'))
  try {
    const files: Record<string, FileToSave> = { 'README.md': { content: modelCard(merge) } }
    for (const [index, aligned] of others.entries()) {
      const name = permutationsFile(index, others.length)
      await savePermutations(join(temporary, name), reference, aligned)
      files[name] = { path: join(temporary, name) }
    }
    const moved = others.map((aligned) => ({ model: aligned.model, aligned, weight: aligned.weight }))
    await saveModels(out, [{ model: reference, aligned: null, weight }, ...moved], files, overwrite === true)
  } finally {
    await rm(temporary, { recursive: true })
  }
}

function report({ reference, weight, others }: Merge, { out }: MergeOptions) {
  return {
    out,
    method: others[0]!.method,
    models: [
      { name: reference.name, weight },
      ...others.map(({ model, weight, symmetry, maxAbsLogitDifference }) => ({
        name: model.name,
        weight,
        symmetry,
        maxAbsLogitDifference,
      })),
    ],
  }
}

function told({ reference, weight, others }: Merge, { out }: MergeOptions): string {
  const sum = [`${weight} ${reference.name}`, ...others.map((one) => `${one.weight} ${one.model.name}`)].join(' + ')
  const functions = others.map(
    ({ model, symmetry, maxAbsLogitDifference }) =>
      `function of ${model.name} ${symmetry} (logits moved by ${maxAbsLogitDifference.toExponential(1)})`,
  )
  return `${out}: ${sum} by ${others[0]!.method}; ${functions.join(', ')}\n`
}

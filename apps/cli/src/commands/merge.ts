import { basename, resolve } from 'node:path'
import { alignmentKeepsFunction, decoderOf } from '@isthmus/alignment'
import { Checkpoint, type FileToSave } from '@isthmus/checkpoint'
import { applyAlignment, assertLambda, readAlignment, saveMerged } from '@isthmus/merging'
import { openModels, type StudyModel } from '@isthmus/study'
import { isIdentity, UserError } from '@isthmus/tensor'
import { type AlignOptions, alignPair } from '../align-pair.ts'
import { type AlignedPair, type Merge, modelCard } from '../model-card.ts'
import { openSession } from '../session.ts'

interface MergeOptions extends AlignOptions {
  readonly out: string
  readonly permutations?: string
  readonly lambda: string
  readonly overwrite?: boolean
  readonly json?: boolean
}

/** `isthmus merge`: align B to A, average, write a Hugging Face folder with a model card and the permutations. */
export async function mergeCommand(folderA: string, folderB: string, options: MergeOptions): Promise<void> {
  const lambda = Number(options.lambda)
  assertLambda(lambda)
  await using session = await openSession()
  const [a, b] = (await openModels(session.cache, [resolve(folderA), resolve(folderB)])) as [StudyModel, StudyModel]
  const chosen =
    options.permutations === undefined
      ? await alignPair(a, b, options, session)
      : await applyFile(b, options.permutations)
  assertSavable(chosen)
  const merge: Merge = { a, b, lambda, ...chosen }
  await writeFolder(merge, options)
  const { symmetry, maxAbsLogitDifference } = merge
  if (options.json === true) {
    const report = { out: options.out, method: merge.method, lambda, symmetry, maxAbsLogitDifference }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } else {
    const moved =
      maxAbsLogitDifference === null ? '' : ` (logits of B moved by ${maxAbsLogitDifference.toExponential(1)})`
    process.stdout.write(
      `${options.out}: ${lambda} ${a.name} + ${1 - lambda} ${b.name} by ${merge.method}; function of B ${symmetry}${moved}\n`,
    )
  }
}

async function applyFile(b: StudyModel, path: string): Promise<AlignedPair> {
  const alignment = await readAlignment(resolve(path))
  const verdict = alignmentKeepsFunction(b.graph, alignment)
  return {
    method: `the permutations of ${basename(path)}`,
    permutations: resolve(path),
    alignment,
    symmetry: verdict.kept ? 'kept' : 'broken',
    maxAbsLogitDifference: null,
    text: null,
  }
}

/** A folder has its decoder tied as its config says: it can hold no model of which the alignment unties it. */
function assertSavable({ method, alignment }: AlignedPair): void {
  if (decoderOf(alignment.space) === 'tied') return
  throw new UserError(
    `${method} unties the decoder from the embeddings, which the merged folder could not hold: choose the method without ` +
      `its last option, /${alignment.space.decoder}, and the decoder is carried along`,
  )
}

/** Tensors that the graph does not read cannot follow a permutation of the residual stream. */
function assertFollowing({ b, alignment, method }: Merge, tensors: Iterable<string>): void {
  const moved = [...alignment.permutations].some(([axis, p]) => axis.startsWith('residual') && !isIdentity(p))
  const known = new Set(b.graph.parameters.map(({ name }) => name))
  const left = [...tensors].find((name) => !known.has(name))
  if (!moved || left === undefined) return
  throw new UserError(
    `${left} is not part of the graph of ${b.name}, so it cannot follow the permutation of the residual stream by ` +
      `${method}: choose a method without residual, or remove the tensor from both checkpoints`,
  )
}

async function writeFolder(merge: Merge, options: MergeOptions): Promise<void> {
  await using a = await Checkpoint.open(merge.a.directory)
  await using b = await Checkpoint.open(merge.b.directory)
  assertFollowing(merge, b.tensors.keys())
  const aligned = applyAlignment((name) => b.read(name), merge.b.graph, merge.alignment)
  const tokenizer = Object.values(merge.a.tokenizer.files).map(({ path }): [string, FileToSave] => [
    basename(path),
    { path },
  ])
  const files = {
    ...Object.fromEntries(tokenizer),
    'README.md': { content: modelCard(merge) },
    'permutations.safetensors': { path: merge.permutations },
  }
  await saveMerged(options.out, { a, b, aligned, lambda: merge.lambda, files, overwrite: options.overwrite === true })
}

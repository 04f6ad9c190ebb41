import { basename, resolve } from 'node:path'
import { alignmentMethod } from '@isthmus/alignment'
import { Checkpoint, type FileToSave } from '@isthmus/checkpoint'
import { type RunResult, run } from '@isthmus/dataflow'
import { applyAlignment, assertLambda, readAlignment, saveMerged } from '@isthmus/merging'
import { keepsFunction, symmetries } from '@isthmus/model'
import {
  AlignmentPlanner,
  computeNow,
  engineIdentity,
  expandStudy,
  gate,
  openModels,
  overrideSettings,
  type StudyModel,
  type StudySettings,
} from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import { type Merge, modelCard } from '../model-card.ts'
import { Progress } from '../progress.ts'
import { openSession, type Session } from '../session.ts'

interface MergeOptions {
  readonly out: string
  readonly align?: string
  readonly method: string
  readonly permutations?: string
  readonly lambda: string
  readonly set: readonly string[]
  readonly overwrite?: boolean
  readonly json?: boolean
}

/** `isthmus merge`: align B to A, average, write a Hugging Face folder with a model card and the permutations. */
export async function mergeCommand(folderA: string, folderB: string, options: MergeOptions): Promise<void> {
  const lambda = Number(options.lambda)
  assertLambda(lambda)
  const method = alignmentMethod(options.method)
  const usesText = options.permutations === undefined && method.steps.length > 0
  if (usesText && options.align === undefined) {
    throw new UserError(
      `${method.name} matches features on text: add --align FOLDER with {genre}/{book}.txt, or choose --method vanilla`,
    )
  }
  await using session = await openSession()
  const [a, b] = (await openModels(session.cache, [resolve(folderA), resolve(folderB)])) as [StudyModel, StudyModel]
  const chosen =
    options.permutations === undefined
      ? await alignPair(a, b, { ...options, align: options.align ?? '.' }, session)
      : await applyFile(b, options.permutations)
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

type Chosen = Omit<Merge, 'a' | 'b' | 'lambda'>

async function alignPair(
  a: StudyModel,
  b: StudyModel,
  options: MergeOptions & { readonly align: string },
  session: Session,
): Promise<Chosen> {
  const settings = mergeSettings(options)
  const method = alignmentMethod(options.method)
  const { cache, executor, signal } = session
  const context = { cache, resolvePath: (path: string) => resolve(path), compute: computeNow(session) }
  const alignment = await new AlignmentPlanner(settings, [a, b], context).align(a, b, method)
  const checked = gate.node({ model: b.checkpoint, alignment }, { engine: engineIdentity(settings.engine) })
  const progress = new Progress(process.stderr)
  let result: RunResult
  try {
    result = await run([checked], { cache, executor, signal, onEvent: progress.onEvent })
  } finally {
    progress.stop()
  }
  const { maxAbsLogitDifference } = result.artifact(checked).value
  const artifact = result.artifact(alignment)
  const permutations = await artifact.path('permutations')
  const { symmetry, tokens } = artifact.value
  return {
    method: method.name,
    permutations,
    alignment: await readAlignment(permutations),
    symmetry,
    maxAbsLogitDifference,
    text: tokens === null ? null : { books: basename(resolve(options.align)), tokens, settings: settings.alignment },
  }
}

async function applyFile(b: StudyModel, path: string): Promise<Chosen> {
  const alignment = await readAlignment(resolve(path))
  const verdict = keepsFunction(symmetries(b.graph), alignment)
  return {
    method: `the permutations of ${basename(path)}`,
    permutations: resolve(path),
    alignment,
    symmetry: verdict.kept ? 'kept' : 'broken',
    maxAbsLogitDifference: null,
    text: null,
  }
}

/** The settings of an alignment: a study's, with `--align` as its books. */
function mergeSettings({ align, set }: { readonly align: string; readonly set: readonly string[] }): StudySettings {
  const definition = { name: 'merge', title: 'merge', books: resolve(align) }
  const { variants } = expandStudy(overrideSettings(definition, set), 'isthmus merge')
  if (variants.length > 1) throw new UserError('a merge makes one model: give each setting one value, not a sweep')
  return variants[0]!.settings
}

async function writeFolder(merge: Merge, options: MergeOptions): Promise<void> {
  await using a = await Checkpoint.open(merge.a.directory)
  await using b = await Checkpoint.open(merge.b.directory)
  const aligned = applyAlignment((name) => b.read(name), symmetries(merge.b.graph), merge.alignment)
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

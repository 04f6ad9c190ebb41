import { basename, resolve } from 'node:path'
import {
  type Alignment,
  alignmentKeepsFunction,
  alignmentMethod,
  decoderOf,
  methodFeatureSets,
} from '@isthmus/alignment'
import { openSafetensors } from '@isthmus/checkpoint'
import { type Node, type NodeInput, openSource, run } from '@isthmus/dataflow'
import { readAlignment } from '@isthmus/merging'
import { readsImages } from '@isthmus/model'
import {
  AlignmentPlanner,
  type AlignmentValue,
  computeNow,
  engineIdentity,
  expandStudy,
  type FolderModel,
  gate,
  overrideSettings,
  type StudySettings,
} from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import { progressOf } from './progress.ts'
import type { Session } from './session.ts'

/** How models are aligned on the command line. */
export interface AlignOptions {
  /** Folder of text, or of images for models that read these; needed by methods that match features. */
  readonly align?: string
  readonly method: string
  readonly set: readonly string[]
}

/** A model with its alignment to a reference, and how that was found. */
export interface AlignedModel {
  readonly model: FolderModel
  readonly method: string
  readonly alignment: Alignment
  readonly symmetry: 'kept' | 'broken'
  /** What the equivalence gate measured. */
  readonly maxAbsLogitDifference: number
  /** On what features were matched; null where nothing was, or where that is not known. */
  readonly text: {
    readonly books: string
    readonly tokens: number
    readonly settings: StudySettings['alignment']
  } | null
}

/** Align models to a reference through the cache, and measure whether the function of each is kept.
 *
 *  @throws {UserError} when the method needs text and none is given.
 */
export async function alignModels(
  reference: FolderModel,
  others: readonly FolderModel[],
  options: AlignOptions,
  session: Session,
): Promise<AlignedModel[]> {
  const method = alignmentMethod(options.method)
  const matchesFeatures = methodFeatureSets(method, reference.graph).length > 0
  if ((matchesFeatures || method.learnedFrom !== null) && options.align === undefined) {
    const [what, layout] = readsImages(reference.graph)
      ? ['images', '{class}/{image}.png']
      : ['text', '{genre}/{book}.txt']
    throw new UserError(
      `${method.name} ${matchesFeatures ? 'matches features on' : 'learns from'} ${what}: add --align FOLDER with ${layout}, or choose --method weight-matching or vanilla`,
    )
  }
  const books = resolve(options.align ?? '.')
  const settings = alignSettings(books, options.set)
  const context = { cache: session.cache, resolvePath: (path: string) => resolve(path), compute: computeNow(session) }
  const planner = new AlignmentPlanner(settings, [reference, ...others], [method], context)
  const alignments: Node<AlignmentValue>[] = []
  for (const model of others) alignments.push(await planner.align(reference, model, method))
  const result = await measure(others, alignments, decoderOf(method.space), settings.engine, session)
  const aligned = others.map(async (model, index): Promise<AlignedModel> => {
    const artifact = result.run.artifact(alignments[index]!)
    const { symmetry, tokens } = artifact.value
    return {
      model,
      method: method.name,
      alignment: await readAlignment(await artifact.path('permutations')),
      symmetry,
      maxAbsLogitDifference: result.differences[index]!,
      text: tokens === null ? null : { books: basename(books), tokens, settings: settings.alignment },
    }
  })
  return Promise.all(aligned)
}

/** A model with an alignment from a file, measured as one that was just made.
 *
 *  A file that was made for another model is applied where it fits, and a line on stderr says so.
 *  @throws {UserError} when the file holds no alignment, or one of another architecture or size.
 */
export async function alignedByFile(model: FolderModel, path: string, session: Session): Promise<AlignedModel> {
  const alignment = await readAlignment(resolve(path))
  const { method, digestB } = await provenance(path)
  if (digestB !== undefined && digestB !== model.checkpoint.artifact.digest) {
    process.stderr.write(`${path} was made for a model of digest ${digestB}; ${model.name} is another one\n`)
  }
  const verdict = alignmentKeepsFunction(model.graph, alignment)
  const symmetry = verdict.kept ? 'kept' : 'broken'
  const value = { method: method ?? path, symmetry, reason: verdict.kept ? null : verdict.reason } as const
  const source = await openSource(
    session.cache,
    { permutations: path },
    { ...value, tokens: null, correlations: [] },
    path,
  )
  const { engine } = alignSettings('.', [])
  const { differences } = await measure([model], [source], decoderOf(alignment.space), engine, session)
  return {
    model,
    method: method ?? `the permutations of ${basename(path)}`,
    alignment,
    symmetry,
    maxAbsLogitDifference: differences[0]!,
    text: null,
  }
}

/** What the file of an alignment says of itself. */
async function provenance(path: string): Promise<Readonly<Record<string, string>>> {
  await using file = await openSafetensors(path)
  return file.metadata
}

/** Put alignments through the equivalence gate, computing them where they are not there. */
async function measure(
  models: readonly FolderModel[],
  alignments: readonly NodeInput<AlignmentValue>[],
  decoder: ReturnType<typeof decoderOf>,
  engine: StudySettings['engine'],
  session: Session,
) {
  const gates = models.map((model, index) =>
    gate.node(
      { model: model.checkpoint, alignment: alignments[index]! },
      { decoder, engine: engineIdentity(engine) },
      { label: `gate ${model.name}` },
    ),
  )
  const { cache, executor, signal } = session
  const progress = progressOf(session)
  try {
    const result = await run(gates, { cache, executor, signal, onEvent: progress.onEvent })
    return { run: result, differences: gates.map((node) => result.artifact(node).value.maxAbsLogitDifference) }
  } finally {
    progress.stop()
  }
}

/** The settings of an alignment: a study's, with `--align` as its books or images. */
function alignSettings(books: string, set: readonly string[]): StudySettings {
  const definition = { name: 'align', title: 'align', books, images: books }
  const { variants } = expandStudy(overrideSettings(definition, set), 'isthmus align')
  if (variants.length > 1) throw new UserError('one alignment is made: give each setting one value, not a sweep')
  return variants[0]!.settings
}

import { basename, resolve } from 'node:path'
import { alignmentMethod, decoderOf } from '@isthmus/alignment'
import { run } from '@isthmus/dataflow'
import { readAlignment } from '@isthmus/merging'
import {
  AlignmentPlanner,
  computeNow,
  engineIdentity,
  expandStudy,
  gate,
  overrideSettings,
  type StudyModel,
  type StudySettings,
} from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import type { AlignedPair } from './model-card.ts'
import { Progress } from './progress.ts'
import type { Session } from './session.ts'

/** How a pair is aligned on the command line. */
export interface AlignOptions {
  /** Folder of text; needed by methods that match features. */
  readonly align?: string
  readonly method: string
  readonly set: readonly string[]
}

/** Align B to A through the cache, and measure whether the function of B is kept.
 *
 *  @throws {UserError} when the method needs text and none is given.
 */
export async function alignPair(
  a: StudyModel,
  b: StudyModel,
  options: AlignOptions,
  session: Session,
): Promise<AlignedPair> {
  const method = alignmentMethod(options.method)
  if (method.steps.length > 0 && options.align === undefined) {
    throw new UserError(
      `${method.name} matches features on text: add --align FOLDER with {genre}/{book}.txt, or choose --method vanilla`,
    )
  }
  const books = resolve(options.align ?? '.')
  const settings = alignSettings(books, options.set)
  const { cache, executor, signal } = session
  const context = { cache, resolvePath: (path: string) => resolve(path), compute: computeNow(session) }
  const alignment = await new AlignmentPlanner(settings, [a, b], context).align(a, b, method)
  const checked = gate.node(
    { model: b.checkpoint, alignment },
    {
      decoder: decoderOf(method.space),
      engine: engineIdentity(settings.engine),
    },
  )
  const progress = new Progress(process.stderr)
  let result: Awaited<ReturnType<typeof run>>
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
    text: tokens === null ? null : { books: basename(books), tokens, settings: settings.alignment },
  }
}

/** The settings of an alignment: a study's, with `--align` as its books. */
function alignSettings(books: string, set: readonly string[]): StudySettings {
  const definition = { name: 'align', title: 'align', books }
  const { variants } = expandStudy(overrideSettings(definition, set), 'isthmus align')
  if (variants.length > 1) throw new UserError('one alignment is made: give each setting one value, not a sweep')
  return variants[0]!.settings
}

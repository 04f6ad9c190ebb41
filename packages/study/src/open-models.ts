import { join } from 'node:path'
import { Checkpoint, checkpointFiles, tokenizerFiles } from '@isthmus/checkpoint'
import { assertSameVocabulary, openTokenizer, readImagePreprocessing } from '@isthmus/corpus'
import { type Cache, type NodeInput, openSource, type Source } from '@isthmus/dataflow'
import { assertMergeable, type OpenedModel } from '@isthmus/merging'
import { type Graph, graphOf, maxPositions, readsImages } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'

/** One model of a study, as it enters the graph of operations. */
export interface StudyModel {
  /** The name of its folder, e.g. `seed-1`, or of its repository on the hub, e.g. `multiberts-seed_1`. */
  readonly name: string
  /** Its folder; of a model that the study makes, that of the model that it starts from. */
  readonly directory: string
  /** Where it was pulled from, pinned to a commit, `hf:owner/name@commit`; null for a folder of the user. A model that the
   *  study makes has what it is made by, `fine-tuned on mrpc`, after that.
   */
  readonly source: string | null
  readonly config: Readonly<Record<string, unknown>>
  /** The longest sequence that the model takes. */
  readonly maxPositions: number
  /** The stored type of the weights, `F32`, `F16`, …, or several. */
  readonly dtype: string
  /** Where tokens become losses: no padding. */
  readonly graph: Graph
  /** The files of a folder, or the node that makes them. */
  readonly checkpoint: NodeInput<{ kind: 'checkpoint' }>
  /** What prepares its inputs: of a model of images, their preprocessing. */
  readonly tokenizer: Source<{ kind: 'tokenizer' }>
}

/** A model whose files are there. */
export interface FolderModel extends StudyModel {
  /** The headers of its weights; the files are closed. */
  readonly stored: OpenedModel['checkpoint']
  readonly checkpoint: Source<{ kind: 'checkpoint' }>
}

/** What tells a checkpoint from others: equal for equal files, and for equal nodes. */
export function identityOf(checkpoint: NodeInput): string {
  return checkpoint.kind === 'source' ? checkpoint.artifact.digest : checkpoint.identity
}

/** Where a model of a study is. */
export interface ModelPlace extends Pick<StudyModel, 'name' | 'directory' | 'source'> {}

/** Open models that are to be merged with one another: the first is what the others are compared with.
 *
 *  Only headers are read, and digests taken, which the cache remembers.
 *  @param places Folders, each with its name where that is not the model's.
 *  @throws {UserError} when a folder is no checkpoint, or when two differ in architecture, shapes or vocabulary.
 */
export async function openModels(cache: Cache, places: readonly (string | ModelPlace)[]): Promise<FolderModel[]> {
  const models: FolderModel[] = []
  for (const place of places) {
    const model = await openStudyModel(cache, typeof place === 'string' ? folderPlace(place) : place)
    await assertCompatible(models[0] ?? model, model)
    models.push(model)
  }
  return models
}

function folderPlace(directory: string): ModelPlace {
  return { name: directory.split(/[/\\]/).findLast((part) => part !== '')!, directory, source: null }
}

async function openStudyModel(cache: Cache, { name, directory, source }: ModelPlace): Promise<FolderModel> {
  const label = source ?? directory
  const files = Object.entries(await checkpointFiles(directory))
  const weights = files.filter(([name]) => !tokenizerFiles.includes(name))
  const tokenizer = files.filter(([name]) => tokenizerFiles.includes(name))
  await using checkpoint = await Checkpoint.open(directory)
  const graph = graphOf(checkpoint.config, join(directory, 'config.json'), { padding: false })
  return {
    name,
    directory,
    source,
    config: checkpoint.config,
    graph,
    stored: checkpoint,
    maxPositions: maxPositions(graph),
    dtype: [...new Set([...checkpoint.tensors.values()].map(({ dtype }) => dtype))].sort().join('+'),
    checkpoint: await openSource(cache, Object.fromEntries(weights), { kind: 'checkpoint' as const }, label),
    tokenizer: await openSource(cache, Object.fromEntries(tokenizer), { kind: 'tokenizer' as const }, label),
  }
}

async function assertCompatible(reference: FolderModel, model: FolderModel): Promise<void> {
  assertMergeable(
    { checkpoint: reference.stored, graph: reference.graph },
    { checkpoint: model.stored, graph: model.graph },
  )
  if (reference.tokenizer.artifact.digest === model.tokenizer.artifact.digest) return
  if (readsImages(model.graph)) await assertSamePreprocessing(reference, model)
  else assertSameVocabulary(await openTokenizer(reference.directory), await openTokenizer(model.directory))
}

async function assertSamePreprocessing(reference: FolderModel, model: FolderModel): Promise<void> {
  const [a, b] = await Promise.all(
    [reference, model].map(async ({ tokenizer }) =>
      JSON.stringify(await readImagePreprocessing(tokenizer.files['preprocessor_config.json']?.path)),
    ),
  )
  if (a === b) return
  throw new UserError(
    `the images of ${reference.name} and ${model.name} are preprocessed differently, ${a} and ${b}: ` +
      'choose two models whose preprocessor_config.json agree',
  )
}

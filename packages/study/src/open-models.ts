import { join } from 'node:path'
import { Checkpoint, checkpointFiles } from '@isthmus/checkpoint'
import { assertSameVocabulary, openTokenizer } from '@isthmus/corpus'
import { type Cache, openSource, type Source } from '@isthmus/dataflow'
import { assertMergeable, type OpenedModel } from '@isthmus/merging'
import { type Graph, graphOf, maxPositions } from '@isthmus/model'

/** One model of a study, as it enters the graph of operations. */
export interface StudyModel {
  /** The name of its folder, e.g. `seed-1`. */
  readonly name: string
  readonly directory: string
  readonly config: Readonly<Record<string, unknown>>
  /** The longest sequence that the model takes. */
  readonly maxPositions: number
  /** The stored type of the weights, `F32`, `F16`, …, or several. */
  readonly dtype: string
  /** Where tokens become losses: no padding. */
  readonly graph: Graph
  /** The headers of its weights; the files are closed. */
  readonly stored: OpenedModel['checkpoint']
  readonly checkpoint: Source<{ kind: 'checkpoint' }>
  readonly tokenizer: Source<{ kind: 'tokenizer' }>
}

const tokenizerFiles = new Set(['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'])

/** Open models that are to be merged with one another: the first is what the others are compared with.
 *
 *  Only headers are read, and digests taken, which the cache remembers.
 *  @throws {UserError} when a folder is no checkpoint, or when two differ in architecture, shapes or vocabulary.
 */
export async function openModels(cache: Cache, directories: readonly string[]): Promise<StudyModel[]> {
  const models: StudyModel[] = []
  for (const directory of directories) {
    const model = await openStudyModel(cache, directory)
    await assertCompatible(models[0] ?? model, model)
    models.push(model)
  }
  return models
}

async function openStudyModel(cache: Cache, directory: string): Promise<StudyModel> {
  const files = Object.entries(await checkpointFiles(directory))
  const weights = files.filter(([name]) => !tokenizerFiles.has(name))
  const tokenizer = files.filter(([name]) => tokenizerFiles.has(name))
  await using checkpoint = await Checkpoint.open(directory)
  const graph = graphOf(checkpoint.config, join(directory, 'config.json'), { padding: false })
  return {
    name: directory.split(/[/\\]/).findLast((part) => part !== '')!,
    directory,
    config: checkpoint.config,
    graph,
    stored: checkpoint,
    maxPositions: maxPositions(graph),
    dtype: [...new Set([...checkpoint.tensors.values()].map(({ dtype }) => dtype))].sort().join('+'),
    checkpoint: await openSource(cache, Object.fromEntries(weights), { kind: 'checkpoint' as const }, directory),
    tokenizer: await openSource(cache, Object.fromEntries(tokenizer), { kind: 'tokenizer' as const }, directory),
  }
}

async function assertCompatible(reference: StudyModel, model: StudyModel): Promise<void> {
  assertMergeable(
    { checkpoint: reference.stored, graph: reference.graph },
    { checkpoint: model.stored, graph: model.graph },
  )
  if (reference.tokenizer.artifact.digest !== model.tokenizer.artifact.digest) {
    assertSameVocabulary(await openTokenizer(reference.directory), await openTokenizer(model.directory))
  }
}

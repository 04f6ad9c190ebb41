import { captureBytes, type FeatureSet } from '@isthmus/activations'
import {
  type AlignmentMethod,
  hasSoftTransports,
  methodFeatureSets,
  needsWeights,
  sinkhornDefaults,
} from '@isthmus/alignment'
import { listBooks } from '@isthmus/corpus'
import type { Cache, Node } from '@isthmus/dataflow'
import { type Graph, readsImages } from '@isthmus/model'
import { assertEngineStarts, engineIdentity } from './engines.ts'
import { identityOf, type StudyModel } from './open-models.ts'
import { alignModels } from './operations/align.ts'
import { alignModelWeights } from './operations/align-weights.ts'
import { alignmentTokens } from './operations/alignment-tokens.ts'
import type { AlignmentSampleValue, AlignmentValue, CorrelationsValue } from './operations/artifacts.ts'
import { capture } from './operations/capture.ts'
import { correlate, correlateStreamed } from './operations/correlate.ts'
import { sampleRows } from './operations/model-features.ts'
import { planImages } from './plan-images.ts'
import { planLearnedAlignment } from './plan-learned-alignment.ts'
import { remembered } from './remembered.ts'
import { SettingSources } from './setting-sources.ts'
import type { StudySettings } from './settings.ts'

/** What planning needs of the world. */
export interface PlanContext {
  readonly cache: Cache
  /** Turn a path of the settings into one of this machine. */
  resolvePath(path: string): string
  /** Compute nodes now, side by side: how much there is to capture is known only once the text is tokenised. */
  compute<Value>(nodes: readonly Node<Value>[]): Promise<Value[]>
}

/** The settings that alignments depend on. */
export type AlignmentSettings = Pick<
  StudySettings,
  'books' | 'images' | 'alignment' | 'transport' | 'learned' | 'capture' | 'engine'
>

/** Tokens, or images, on which features are matched, and how many rows of features they give. */
interface AlignmentSample {
  readonly node: Node<AlignmentSampleValue>
  readonly rows: number
}

/** What an `AlignmentPlanner` may be given beside the settings. */
export interface AlignmentPlannerOptions {
  /** The texts of a task on which features are matched instead of books or images. Null, the default: none. */
  readonly task?: Node<AlignmentSampleValue> | null
  /** Where files are opened, shared with others. Default: its own. */
  readonly sources?: SettingSources
}

/** Lays out the alignment of pairs of models as operations, sharing what pairs and methods have in common. */
export class AlignmentPlanner {
  readonly #settings: AlignmentSettings
  readonly #models: readonly StudyModel[]
  readonly #methods: readonly AlignmentMethod[]
  readonly #context: PlanContext
  readonly #task: Node<AlignmentSampleValue> | null
  readonly #sources: SettingSources
  readonly #alignments = new Map<string, Promise<Node<AlignmentValue>>>()
  readonly #groups = new Map<string, readonly FeatureGroup[]>()
  readonly #captured = new Map<string, ReturnType<typeof capture.node>>()
  readonly #correlated = new Map<string, Node<CorrelationsValue>>()
  #sampleNode: Promise<Node<AlignmentSampleValue>> | null = null
  #sample: Promise<AlignmentSample> | null = null

  /** @param models Models of one architecture and vocabulary, among which pairs will be aligned.
   *  @param methods All methods by which they will be: what several of them look at is computed together.
   */
  constructor(
    settings: AlignmentSettings,
    models: readonly StudyModel[],
    methods: readonly AlignmentMethod[],
    context: PlanContext,
    { task = null, sources = new SettingSources(context) }: AlignmentPlannerOptions = {},
  ) {
    this.#settings = settings
    this.#models = models
    this.#methods = methods
    this.#context = context
    this.#task = task
    this.#sources = sources
  }

  /** The alignment of B to A by a method. The text, or the images, are sampled the first time that a method needs it.
   *
   *  @throws {UserError} when there are no books or images, or no book is long enough.
   */
  align(a: StudyModel, b: StudyModel, method: AlignmentMethod): Promise<Node<AlignmentValue>> {
    return remembered(this.#alignments, [modelKey(a), modelKey(b), method.name], () => this.#align(a, b, method))
  }

  /** What the plan needs to be computed before it goes on: the sample, where a method matches features.
   *
   *  @throws {UserError} when there are no books or images.
   */
  async sampleNodes(): Promise<readonly Node<AlignmentSampleValue>[]> {
    const methods = this.#methods.flatMap((method) => [method, method.learnedFrom ?? []].flat())
    const isNeeded = methods.some((method) => this.#groupsOf(method).length > 0)
    return isNeeded ? [await this.#sampled()] : []
  }

  async #align(a: StudyModel, b: StudyModel, method: AlignmentMethod): Promise<Node<AlignmentValue>> {
    const groups = this.#groupsOf(method)
    if (groups.length > 0) this.#sample ??= this.#takeSample()
    const correlations = groups.length === 0 ? [] : this.#correlations(a, b, groups, (await this.#sample)!)
    const options = { label: `align ${a.name} and ${b.name} by ${method.name}` }
    if (method.learnedFrom !== null) {
      const start = await this.align(a, b, method.learnedFrom)
      return planLearnedAlignment({ a, b, method, start, correlations }, this.#settings, this.#sources, options)
    }
    if (!needsWeights(method)) {
      return alignModels.node({ model: b.checkpoint, correlations }, { method: method.name }, options)
    }
    return alignModelWeights.node(
      { a: a.checkpoint, b: b.checkpoint, correlations },
      {
        method: method.name,
        sinkhorn: hasSoftTransports(method) ? { ...sinkhornDefaults, ...this.#settings.transport } : null,
        engine: engineIdentity(this.#settings.engine),
      },
      options,
    )
  }

  #groupsOf(method: AlignmentMethod): readonly FeatureGroup[] {
    return remembered(this.#groups, method.name, () => featureGroups(method, this.#models[0]!.graph))
  }

  async #takeSample(): Promise<AlignmentSample> {
    const node = await this.#sampled()
    const [value] = await this.#context.compute([node])
    return { node, rows: sampleRows(value!, this.#models[0]!.graph) }
  }

  #sampled(): Promise<Node<AlignmentSampleValue>> {
    this.#sampleNode ??= this.#planSample()
    return this.#sampleNode
  }

  async #planSample(): Promise<Node<AlignmentSampleValue>> {
    const { engine, images: folder, alignment } = this.#settings
    if (engine.executionProvider !== 'cpu') await assertEngineStarts(engine)
    if (this.#task !== null) return this.#task
    const [model] = this.#models as readonly [StudyModel]
    if (!readsImages(model.graph)) return this.#planTokens()
    const { fraction, seed } = alignment
    const label = 'decode the images to align on'
    return planImages({ folder, split: 'train', fraction, seed, count: null, label }, model, this.#sources)
  }

  async #planTokens(): Promise<Node<AlignmentSampleValue>> {
    const { books: folder, alignment } = this.#settings
    const books = await this.#sources.open({ kind: 'books', path: folder }, listBooks)
    const positions = Math.min(...this.#models.map(({ maxPositions }) => maxPositions))
    const { maxTokens, ...sampling } = alignment
    return alignmentTokens.node(
      { books, tokenizer: this.#models[0]!.tokenizer },
      { ...sampling, maxTokens: Math.min(maxTokens, positions) },
      { label: 'tokenise the books' },
    )
  }

  /** One node for each group of features that is captured, so that methods and studies share what they have in common,
   *  and one for all that any method needs and that is too large to capture, so that the models run over the sample once.
   */
  #correlations(
    a: StudyModel,
    b: StudyModel,
    groups: readonly FeatureGroup[],
    sample: AlignmentSample,
  ): Node<CorrelationsValue>[] {
    const isStreamed = (group: FeatureGroup) =>
      this.#captureBytes(group, sample, a.graph) > this.#settings.capture.budget
    const captured = groups.filter((group) => !isStreamed(group))
    const nodes = captured.map((group) => this.#correlateCaptured(a, b, group, sample))
    if (captured.length === groups.length) return nodes
    const streamed = this.#methods.flatMap((method) => this.#groupsOf(method)).filter(isStreamed)
    return [...nodes, this.#correlateStreamed(a, b, streamed, sample)]
  }

  #captureBytes({ taps }: FeatureGroup, { rows }: AlignmentSample, graph: Graph): number {
    return captureBytes(
      rows,
      graph.taps.filter(({ name }) => taps.includes(name)),
      this.#settings.capture.type,
    )
  }

  #correlateCaptured(
    a: StudyModel,
    b: StudyModel,
    { name: group, sets, taps, key }: FeatureGroup,
    { node: tokens }: AlignmentSample,
  ): Node<CorrelationsValue> {
    const engine = engineIdentity(this.#settings.engine)
    const { type } = this.#settings.capture
    const captured = (model: StudyModel) =>
      remembered(this.#captured, [modelKey(model), taps], () =>
        capture.node(
          { model: model.checkpoint, tokens },
          { taps: [...taps], type, engine },
          { label: `capture ${group} of ${model.name}` },
        ),
      )
    return remembered(this.#correlated, [modelKey(a), modelKey(b), key], () =>
      correlate.node(
        { a: captured(a), b: captured(b) },
        { sets: sets.map(setParam), engine },
        { label: `correlate ${group} of ${a.name} and ${b.name}` },
      ),
    )
  }

  #correlateStreamed(
    a: StudyModel,
    b: StudyModel,
    groups: readonly FeatureGroup[],
    { node: tokens }: AlignmentSample,
  ): Node<CorrelationsValue> {
    const sets = new Map(groups.flatMap(({ sets }) => sets).map((set) => [set.name, set]))
    const setParams = [...sets.values()].map(setParam)
    return remembered(this.#correlated, [modelKey(a), modelKey(b), setParams, 'streamed'], () =>
      correlateStreamed.node(
        { a: a.checkpoint, b: b.checkpoint, tokens },
        { sets: setParams, engine: engineIdentity(this.#settings.engine) },
        { label: `correlate ${[...new Set(groups.map(({ name }) => name))].join(', ')} of ${a.name} and ${b.name}` },
      ),
    )
  }
}

/** Feature sets of one method at the same sites, `ffn`, `attention`, `query+key`. */
interface FeatureGroup {
  readonly name: string
  readonly sets: readonly FeatureSet[]
  readonly taps: readonly string[]
  /** Different for different sets. */
  readonly key: string
}

function modelKey({ name, checkpoint }: StudyModel): readonly string[] {
  return [name, identityOf(checkpoint)]
}

function featureGroups(method: AlignmentMethod, graph: Graph): FeatureGroup[] {
  const groups = new Map<string, FeatureSet[]>()
  for (const set of methodFeatureSets(method, graph)) {
    const name = tapGroup(set.taps)
    groups.set(name, [...(groups.get(name) ?? []), set])
  }
  return [...groups].map(([name, sets]) => ({ name, sets, taps: tapNames(sets), key: JSON.stringify(sets) }))
}

function setParam({ combine = 'pool', taps, ...set }: FeatureSet) {
  return { ...set, taps: [...taps], combine }
}

function tapNames(sets: readonly FeatureSet[]): string[] {
  return [...new Set(sets.flatMap(({ taps }) => taps))]
}

/** The sites of some taps: `ffn`, `attention`, `query+key`. */
function tapGroup(taps: readonly string[]): string {
  return [...new Set(taps.map((tap) => tap.split('.')[0]))].join('+')
}

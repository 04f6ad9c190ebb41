import { captureBytes, type FeatureSet } from '@isthmus/activations'
import { type AlignmentMethod, methodFeatureSets } from '@isthmus/alignment'
import { listBooks } from '@isthmus/corpus'
import { type Cache, type Node, openSource } from '@isthmus/dataflow'
import { assertEngineStarts, engineIdentity } from './engines.ts'
import type { StudyModel } from './open-models.ts'
import { alignModels } from './operations/align.ts'
import { alignmentTokens } from './operations/alignment-tokens.ts'
import type { AlignmentValue, CorrelationsValue, TokensValue } from './operations/artifacts.ts'
import { capture } from './operations/capture.ts'
import { correlate, correlateStreamed } from './operations/correlate.ts'
import type { StudySettings } from './settings.ts'

/** What planning needs of the world. */
export interface PlanContext {
  readonly cache: Cache
  /** Turn a path of the settings into one of this machine. */
  resolvePath(path: string): string
  /** Compute a node now: how much there is to capture is known only once the text is tokenised. */
  compute<Value>(node: Node<Value>): Promise<Value>
}

/** The settings that alignments depend on. */
export type AlignmentSettings = Pick<StudySettings, 'books' | 'alignment' | 'capture' | 'engine'>

/** Tokens on which features are matched, and how many they are. */
interface TokenSample {
  readonly node: Node<TokensValue>
  readonly count: number
}

/** Lays out the alignment of pairs of models as operations, sharing what pairs and methods have in common. */
export class AlignmentPlanner {
  readonly #settings: AlignmentSettings
  readonly #models: readonly StudyModel[]
  readonly #context: PlanContext
  #sample: Promise<TokenSample> | null = null

  /** @param models Models of one vocabulary, among which pairs will be aligned. */
  constructor(settings: AlignmentSettings, models: readonly StudyModel[], context: PlanContext) {
    this.#settings = settings
    this.#models = models
    this.#context = context
  }

  /** The alignment of B to A by a method. The text is sampled the first time that a method needs it.
   *
   *  @throws {UserError} when there are no books, or none is long enough.
   */
  async align(a: StudyModel, b: StudyModel, method: AlignmentMethod): Promise<Node<AlignmentValue>> {
    const sets = methodFeatureSets(method, a.graph)
    const groups = [...new Set(sets.map(({ taps }) => tapGroup(taps)))]
    if (groups.length > 0) this.#sample ??= this.#sampleTokens()
    const sample = await this.#sample
    const correlations = groups.map((group) => {
      const own = sets.filter(({ taps }) => tapGroup(taps) === group)
      return this.#correlation(a, b, group, own, sample!)
    })
    return alignModels.node(
      { model: b.checkpoint, correlations },
      { method: method.name },
      { label: `align ${a.name} and ${b.name} by ${method.name}` },
    )
  }

  async #sampleTokens(): Promise<TokenSample> {
    const { books: folder, alignment, engine } = this.#settings
    if (engine.executionProvider !== 'cpu') await assertEngineStarts(engine)
    const { cache, resolvePath, compute } = this.#context
    const books = await openSource(cache, await listBooks(resolvePath(folder)), { kind: 'books' as const }, folder)
    const positions = Math.min(...this.#models.map(({ maxPositions }) => maxPositions))
    const { maxTokens, ...sampling } = alignment
    const node = alignmentTokens.node(
      { books, tokenizer: this.#models[0]!.tokenizer },
      { ...sampling, maxTokens: Math.min(maxTokens, positions) },
      { label: 'tokenise the books' },
    )
    return { node, count: (await compute(node)).tokens }
  }

  /** One node per group of taps, so that methods and studies share what they have in common. */
  #correlation(
    a: StudyModel,
    b: StudyModel,
    group: string,
    sets: readonly FeatureSet[],
    tokens: TokenSample,
  ): Node<CorrelationsValue> {
    const engine = engineIdentity(this.#settings.engine)
    const { type, budget } = this.#settings.capture
    const names = [...new Set(sets.flatMap(({ taps }) => taps))]
    const taps = a.graph.taps.filter(({ name }) => names.includes(name))
    const params = {
      sets: sets.map(({ combine = 'pool', taps, ...set }) => ({ ...set, taps: [...taps], combine })),
      engine,
    }
    const options = { label: `correlate ${group} of ${a.name} and ${b.name}` }
    if (captureBytes(tokens.count, taps, type) > budget) {
      return correlateStreamed.node({ a: a.checkpoint, b: b.checkpoint, tokens: tokens.node }, params, options)
    }
    const captured = ({ checkpoint, name }: StudyModel) =>
      capture.node(
        { model: checkpoint, tokens: tokens.node },
        { taps: names, type, engine },
        { label: `capture ${group} of ${name}` },
      )
    return correlate.node({ a: captured(a), b: captured(b) }, params, options)
  }
}

/** The sites of some taps: `ffn`, `attention`, `query+key`. */
function tapGroup(taps: readonly string[]): string {
  return [...new Set(taps.map((tap) => tap.split('.')[0]))].join('+')
}

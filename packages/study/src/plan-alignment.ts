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

/** Lays out the alignment of pairs of models as operations, sharing what pairs and methods have in common. */
export class AlignmentPlanner {
  readonly #settings: AlignmentSettings
  readonly #tokens: Node<TokensValue>
  readonly #tokenCount: number

  private constructor(settings: AlignmentSettings, tokens: Node<TokensValue>, tokenCount: number) {
    this.#settings = settings
    this.#tokens = tokens
    this.#tokenCount = tokenCount
  }

  /** Sample and tokenise the books for models of one vocabulary.
   *
   *  @throws {UserError} when there are no books, or none is long enough.
   */
  static async open(settings: AlignmentSettings, models: readonly StudyModel[], context: PlanContext) {
    if (settings.engine.executionProvider !== 'cpu') await assertEngineStarts(settings.engine)
    const books = await openSource(
      context.cache,
      await listBooks(context.resolvePath(settings.books)),
      { kind: 'books' as const },
      settings.books,
    )
    const positions = Math.min(...models.map(({ maxPositions }) => maxPositions))
    const { maxTokens, ...sampling } = settings.alignment
    const tokens = alignmentTokens.node(
      { books, tokenizer: models[0]!.tokenizer },
      { ...sampling, maxTokens: Math.min(maxTokens, positions) },
      { label: 'tokenise the books' },
    )
    return new AlignmentPlanner(settings, tokens, (await context.compute(tokens)).tokens)
  }

  /** The alignment of B to A by a method. */
  align(a: StudyModel, b: StudyModel, method: AlignmentMethod): Node<AlignmentValue> {
    return alignModels.node(
      { model: b.checkpoint, correlations: this.#correlations(a, b, method) },
      { method: method.name },
      { label: `align ${a.name} and ${b.name} by ${method.name}` },
    )
  }

  /** One node per group of taps, so that methods and studies share what they have in common. */
  #correlations(a: StudyModel, b: StudyModel, method: AlignmentMethod): Node<CorrelationsValue>[] {
    const sets = methodFeatureSets(method, a.graph)
    const groups = [...new Set(sets.map(({ taps }) => tapGroup(taps)))]
    return groups.map((group) =>
      this.#correlation(
        a,
        b,
        group,
        sets.filter(({ taps }) => tapGroup(taps) === group),
      ),
    )
  }

  #correlation(a: StudyModel, b: StudyModel, group: string, sets: readonly FeatureSet[]): Node<CorrelationsValue> {
    const engine = engineIdentity(this.#settings.engine)
    const { type, budget } = this.#settings.capture
    const names = [...new Set(sets.flatMap(({ taps }) => taps))]
    const taps = a.graph.taps.filter(({ name }) => names.includes(name))
    const params = { sets: sets.map(({ name, taps, width }) => ({ name, taps: [...taps], width })), engine }
    const options = { label: `correlate ${group} of ${a.name} and ${b.name}` }
    if (captureBytes(this.#tokenCount, taps, type) > budget) {
      return correlateStreamed.node({ a: a.checkpoint, b: b.checkpoint, tokens: this.#tokens }, params, options)
    }
    const captured = ({ checkpoint, name }: StudyModel) =>
      capture.node(
        { model: checkpoint, tokens: this.#tokens },
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

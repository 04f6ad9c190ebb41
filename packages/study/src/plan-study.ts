import { captureBytes, type FeatureSet } from '@isthmus/activations'
import { type AlignmentMethod, alignmentMethod, methodFeatureSets } from '@isthmus/alignment'
import { listBooks } from '@isthmus/corpus'
import { type Cache, type Node, openSource } from '@isthmus/dataflow'
import { engineIdentity } from './engines.ts'
import type { ExpandedStudy, StudyVariant } from './expand-study.ts'
import { openModels, type StudyModel } from './open-models.ts'
import { alignModels } from './operations/align.ts'
import { alignmentTokens } from './operations/alignment-tokens.ts'
import type { AlignmentValue, CorrelationsValue, GateValue, LossValue, TokensValue } from './operations/artifacts.ts'
import { capture } from './operations/capture.ts'
import { correlate, correlateStreamed } from './operations/correlate.ts'
import { evaluationBlocks } from './operations/evaluation-blocks.ts'
import { gate } from './operations/gate.ts'
import { interpolatedLoss, modelLoss } from './operations/losses.ts'
import type { StudySettings } from './settings.ts'

/** One curve of a study: the nodes whose artifacts are its rows. */
export interface PlannedCurve {
  readonly variant: StudyVariant
  readonly a: StudyModel
  readonly b: StudyModel
  readonly method: AlignmentMethod
  readonly alignment: Node<AlignmentValue>
  readonly gate: Node<GateValue>
  readonly points: readonly { readonly lambda: number; readonly node: Node<LossValue> }[]
}

/** A study as a graph of operations. */
export interface StudyPlan {
  readonly study: ExpandedStudy
  readonly models: readonly StudyModel[]
  readonly curves: readonly PlannedCurve[]
  /** What a run is asked for; it computes what these need. */
  readonly targets: readonly Node[]
}

/** What planning needs of the world. */
export interface PlanContext {
  readonly cache: Cache
  /** Turn a path of the settings into one of this machine. */
  resolvePath(path: string): string
  /** Compute a node now: how much there is to capture is known only once the text is tokenised. */
  compute<Value>(node: Node<Value>): Promise<Value>
}

const probeBlocks = 8

/** Lay a study out as operations: who is aligned with whom, by what, and where losses are taken.
 *
 *  Nodes that are equal (captures, correlations, endpoints) are one to the run, over pairs, methods, variants and
 *  studies. λ = 1 is the loss of A, and λ = 0 that of B where the method keeps the function, which the gate measures
 *  first; a method that breaks it has B' evaluated.
 *  @throws {UserError} naming the setting, file or model that does not fit.
 */
export async function planStudy(study: ExpandedStudy, context: PlanContext): Promise<StudyPlan> {
  const models = new Map<string, StudyModel>()
  const curves: PlannedCurve[] = []
  for (const variant of study.variants) {
    const planner = await VariantPlanner.open(variant, context)
    for (const model of planner.models) models.set(model.checkpoint.artifact.digest, model)
    curves.push(...planner.curves())
  }
  const targets = curves.flatMap((curve) => [curve.alignment, curve.gate, ...curve.points.map(({ node }) => node)])
  return { study, models: [...models.values()], curves, targets }
}

/** The values of λ that a setting stands for. */
export function lambdaValues(setting: StudySettings['lambdas']): number[] {
  if (typeof setting !== 'number') return [...new Set(setting)].sort((x, y) => x - y)
  return Array.from({ length: setting }, (_, i) => i / (setting - 1))
}

class VariantPlanner {
  readonly models: readonly StudyModel[]
  readonly #variant: StudyVariant
  readonly #tokens: Node<TokensValue>
  readonly #tokenCount: number
  readonly #blocks: ReturnType<typeof evaluationBlocks.node>

  private constructor(
    variant: StudyVariant,
    models: readonly StudyModel[],
    nodes: { tokens: Node<TokensValue>; tokenCount: number; blocks: ReturnType<typeof evaluationBlocks.node> },
  ) {
    this.#variant = variant
    this.models = models
    this.#tokens = nodes.tokens
    this.#tokenCount = nodes.tokenCount
    this.#blocks = nodes.blocks
  }

  static async open(variant: StudyVariant, context: PlanContext): Promise<VariantPlanner> {
    const { settings } = variant
    const family = context.resolvePath(settings.family)
    const models = await openModels(
      context.cache,
      settings.seeds.map((seed) => `${family}/seed-${seed}`),
    )
    const { tokenizer } = models[0]!
    const books = await openSource(
      context.cache,
      await listBooks(context.resolvePath(settings.books)),
      { kind: 'books' as const },
      settings.books,
    )
    const text = await openSource(
      context.cache,
      { text: context.resolvePath(settings.wikitext) },
      { kind: 'text' as const },
      settings.wikitext,
    )
    const positions = Math.min(...models.map(({ maxPositions }) => maxPositions))
    const { maxTokens, ...sampling } = settings.alignment
    const tokens = alignmentTokens.node(
      { books, tokenizer },
      { ...sampling, maxTokens: Math.min(maxTokens, positions) },
      { label: 'tokenise the books' },
    )
    const blocks = evaluationBlocks.node({ text, tokenizer }, settings.evaluation, {
      label: 'mask the evaluation text',
    })
    const { tokens: tokenCount } = await context.compute(tokens)
    return new VariantPlanner(variant, models, { tokens, tokenCount, blocks })
  }

  curves(): PlannedCurve[] {
    const methods = this.#variant.settings.methods.map(alignmentMethod)
    return this.#pairs().flatMap(([a, b]) => methods.map((method) => this.#curve(a, b, method)))
  }

  #pairs(): [StudyModel, StudyModel][] {
    const { pairs, seeds } = this.#variant.settings
    const named =
      pairs === 'all' ? seeds.flatMap((a, i) => seeds.slice(i + 1).map((b): [number, number] => [a, b])) : pairs
    return named.map(([a, b]) => [this.models[seeds.indexOf(a)]!, this.models[seeds.indexOf(b)]!])
  }

  #curve(a: StudyModel, b: StudyModel, method: AlignmentMethod): PlannedCurve {
    const pair = `${a.name} and ${b.name}`
    const alignment = alignModels.node(
      { model: b.checkpoint, correlations: this.#correlations(a, b, method) },
      { method: method.name },
      { label: `align ${pair} by ${method.name}` },
    )
    const engine = engineIdentity(this.#variant.settings.engine)
    const gateNode = gate.node(
      { model: b.checkpoint, alignment, blocks: this.#blocks },
      { probeBlocks, engine },
      { label: `gate ${method.name} on ${pair}` },
    )
    const points = lambdaValues(this.#variant.settings.lambdas).map((lambda) => ({
      lambda,
      node: this.#point(a, b, method, alignment, gateNode, lambda),
    }))
    return { variant: this.#variant, a, b, method, alignment, gate: gateNode, points }
  }

  #point(
    a: StudyModel,
    b: StudyModel,
    method: AlignmentMethod,
    alignment: Node<AlignmentValue>,
    gateNode: Node<GateValue>,
    lambda: number,
  ): Node<LossValue> {
    const engine = engineIdentity(this.#variant.settings.engine)
    const blocks = this.#blocks
    const endpoint = lambda === 1 ? a : lambda === 0 && method.symmetry === 'kept' ? b : null
    if (endpoint !== null) {
      return modelLoss.node({ model: endpoint.checkpoint, blocks }, { engine }, { label: `loss of ${endpoint.name}` })
    }
    return interpolatedLoss.node(
      { a: a.checkpoint, b: b.checkpoint, alignment, blocks },
      { lambda, engine },
      { label: `loss of ${a.name} and ${b.name} by ${method.name} at λ = ${lambda}`, after: [gateNode] },
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
    const engine = engineIdentity(this.#variant.settings.engine)
    const { type, budget } = this.#variant.settings.capture
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

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { tokenizerFiles } from '@isthmus/checkpoint'
import { listBooks, listWikiText, openTokenizer, type Tokenizer } from '@isthmus/corpus'
import { type Node, openSource, type Source } from '@isthmus/dataflow'
import { graphOf, maxPositions } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import { assertPhasesFit, type PretrainingPhase, phasesWithin } from '@isthmus/training'
import { bertConfigJson } from './bert-config-json.ts'
import { assertEngineStarts, engineIdentity } from './engines.ts'
import type { ExpandedFamily } from './expand-family.ts'
import type { FamilySettings } from './family-settings.ts'
import type { TrainedCheckpointValue } from './operations/artifacts.ts'
import { evaluationBlocks } from './operations/evaluation-blocks.ts'
import { type PretrainingParams, pretrain } from './operations/pretrain.ts'
import { stepSeconds, stepsIn } from './operations/step-seconds.ts'
import { trainingTokens } from './operations/token-stream.ts'
import type { PlanContext } from './plan-alignment.ts'

/** One model of a family that is to be trained. */
export interface PlannedModel {
  /** `seed-1`. */
  readonly name: string
  readonly seed: number
  readonly node: Node<TrainedCheckpointValue>
  readonly params: PretrainingParams
}

/** What a family is made from. */
interface FamilySources {
  readonly books: Source<{ kind: 'books' }>
  readonly wikitext: Source<{ kind: 'text' }>
  readonly validation: Source<{ kind: 'text' }>
  readonly tokenizer: Source<{ kind: 'tokenizer' }>
}

/** A family as a graph of operations. */
export interface FamilyPlan {
  readonly family: ExpandedFamily
  readonly models: readonly PlannedModel[]
  readonly sources: FamilySources
  /** What a run is asked for; it computes what these need. */
  readonly targets: readonly Node[]
}

/** Lay out the training of a family as operations: the text as tokens, then each model by itself.
 *
 *  Where its length is given in minutes, what a step takes is measured now.
 *  @throws {UserError} naming the setting or file that does not fit.
 */
export async function planFamily(family: ExpandedFamily, context: PlanContext): Promise<FamilyPlan> {
  const { settings } = family
  const tokenizer = await openTokenizer(context.resolvePath(settings.tokenizer), settings.tokenizer)
  const sources = await openSources(settings, context)
  const engine = { name: 'tfjs', executionProvider: settings.executionProvider }
  const recipe = pretrainingRecipe(settings, tokenizer, engineIdentity(engine))
  assertFits(settings, recipe)
  await assertEngineStarts(engine)
  const { books, wikitext, validation } = sources
  const inputs = {
    tokens: trainingTokens.node(
      { books, wikitext, tokenizer: sources.tokenizer },
      {},
      { label: 'tokenise the training text' },
    ),
    tokenizer: sources.tokenizer,
  }
  const { wikitext: _, every: __, ...masking } = settings.validation
  const label = 'mask the validation text'
  const blocks = evaluationBlocks.node({ text: validation, tokenizer: sources.tokenizer }, masking, { label })
  const steps =
    settings.minutes === null
      ? settings.steps
      : await stepsOf(settings.minutes, inputs, recipe, { ...context, settings })
  const models = settings.seeds.map((seed): PlannedModel => {
    const name = `seed-${seed}`
    const params = {
      ...recipe,
      phases: phasesWithin(settings.phases, steps),
      recipe: { ...recipe.recipe, steps, seed },
    }
    return {
      name,
      seed,
      params,
      node: pretrain.node({ ...inputs, validation: blocks }, params, { label: `train ${name}` }),
    }
  })
  return { family, models, sources, targets: models.map(({ node }) => node) }
}

/** What all models of a family have in common; its steps and its phases are placeholders, one step for each phase. */
function pretrainingRecipe(
  settings: FamilySettings,
  tokenizer: Tokenizer,
  engine: PretrainingParams['engine'],
): PretrainingParams {
  const { initialization, tokensPerStep, maskProbability, optimizer, dropout, recordEvery, validation } = settings
  return {
    config: bertConfigJson(settings, tokenizer),
    initialization,
    phases: settings.phases.map((phase, i): PretrainingPhase => ({ ...phase, until: i + 1 })),
    tokensPerStep,
    maskProbability,
    recipe: { ...optimizer, dropout, steps: settings.phases.length, seed: 0 },
    recordEvery,
    validateEvery: validation.every,
    engine,
  }
}

/** How many steps fit into some minutes. */
async function stepsOf(
  minutes: number,
  inputs: Parameters<typeof stepSeconds.node>[0],
  { recordEvery: _, validateEvery: __, ...recipe }: PretrainingParams,
  { settings, compute }: Pick<PlanContext, 'compute'> & { readonly settings: FamilySettings },
): Promise<number> {
  const [measured] = await compute([stepSeconds.node(inputs, recipe, { label: 'measure what a step takes' })])
  return stepsIn(minutes, measured!.kinds, (steps) => phasesWithin(settings.phases, steps))
}

async function openSources(settings: FamilySettings, { cache, resolvePath }: PlanContext): Promise<FamilySources> {
  const { books, wikitext, validation, tokenizer } = settings
  if (books === null && wikitext === null) {
    throw new UserError('books and wikitext are both null: there is no text to train on; set one of them')
  }
  const text = async (path: string | null, label: string) =>
    openSource(cache, path === null ? {} : await listWikiText(resolvePath(path)), { kind: 'text' as const }, label)
  return {
    books: await openSource(
      cache,
      books === null ? {} : await listBooks(resolvePath(books)),
      { kind: 'books' as const },
      books ?? 'no books',
    ),
    wikitext: await text(wikitext, wikitext ?? 'no WikiText'),
    validation: await text(validation.wikitext, validation.wikitext),
    tokenizer: await openSource(
      cache,
      await tokenizerPaths(resolvePath(tokenizer)),
      { kind: 'tokenizer' as const },
      tokenizer,
    ),
  }
}

/** The files of a tokenizer that are in a folder, by name. */
async function tokenizerPaths(folder: string): Promise<Record<string, string>> {
  const paths: Record<string, string> = {}
  for (const name of tokenizerFiles) {
    const path = join(folder, name)
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    if (isFile) paths[name] = path
  }
  return paths
}

function assertFits({ validation }: FamilySettings, { config, phases, tokensPerStep }: PretrainingParams): void {
  const positions = maxPositions(graphOf(config, 'architecture', { padding: false }))
  assertPhasesFit(config, phases, tokensPerStep)
  if (validation.blockSize <= positions) return
  throw new UserError(
    `validation.blockSize is ${validation.blockSize}, but the models have ${positions} positions: set ` +
      `validation.blockSize=${positions} or less, or raise architecture.maxPositionEmbeddings`,
  )
}

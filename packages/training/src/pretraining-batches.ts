import {
  blockBatches,
  maskTokens,
  nextTokenLabels,
  pretrainingBlocks,
  randomStream,
  type Tokenizer,
} from '@isthmus/corpus'
import { type Graph, graphOf, maxPositions, objectiveOf } from '@isthmus/model'
import { type Tensor, UserError } from '@isthmus/tensor'
import type { PretrainingPhase } from './pretraining-phases.ts'
import type { TrainingBatch } from './train.ts'

/** What a language model is pretrained on, and how its steps are made. */
export interface PretrainingOptions {
  /** The content of its `config.json`. */
  readonly config: unknown
  /** The training text, shape `[tokens]`. */
  readonly ids: Int32Array
  readonly tokenizer: Pick<
    Tokenizer,
    'file' | 'vocabSize' | 'specialIds' | 'clsId' | 'sepId' | 'maskId' | 'vocabularyDigest'
  >
  /** The last ends with the training. */
  readonly phases: readonly PretrainingPhase[]
  /** Tokens a step, [CLS] and [SEP] included; as many blocks as fit in them. */
  readonly tokensPerStep: number
  /** With which a position is selected, of a masked language model. */
  readonly maskProbability: number
  /** Of the order of the blocks, their positions and their masks. */
  readonly seed: number
}

/** Make the batches of a pretraining: of each step a function of its number.
 *
 *  Each place at which sequences may begin has a graph of its own, made once.
 *  @throws {UserError} when a phase's blocks are longer than the model's positions or a step's tokens, when the text is
 *    too short for one, or the architecture cannot have the objective.
 */
export function pretrainingBatches(options: PretrainingOptions): (step: number) => TrainingBatch {
  assertPhasesFit(options.config, options.phases, options.tokensPerStep)
  const phases = options.phases.map((phase) => openPhase(phase, options))
  return (step) => phases.find(({ until }) => step < until)!.batch(step)
}

/** Check that the blocks of phases fit into a model's positions and a step's tokens, and that its architecture can have
 *  the objectives.
 *
 *  @throws {UserError} naming what does not fit.
 */
export function assertPhasesFit(config: unknown, phases: readonly PretrainingPhase[], tokensPerStep: number): void {
  for (const { objective, blockLength } of phases) {
    const positions = maxPositions(graphsByPosition(config, objective)(0))
    if (blockLength > positions) {
      throw new UserError(
        `phases has blocks of ${blockLength} tokens, but the model has ${positions} positions: shorten the blocks, or raise ` +
          'architecture.maxPositionEmbeddings',
      )
    }
    if (blockLength > tokensPerStep) {
      throw new UserError(
        `tokensPerStep is ${tokensPerStep}, but one block of phases has ${blockLength} tokens: set ` +
          `tokensPerStep=${blockLength} or more`,
      )
    }
  }
}

interface OpenPhase {
  readonly until: number
  batch(step: number): TrainingBatch
}

function openPhase(phase: PretrainingPhase, options: PretrainingOptions): OpenPhase {
  const { ids, tokenizer, tokensPerStep, seed } = options
  const { objective, blockLength, until } = phase
  const graphs = graphsByPosition(options.config, objective)
  const places = maxPositions(graphs(0)) - blockLength + 1
  const blocksPerStep = Math.floor(tokensPerStep / blockLength)
  const blocksOf = pretrainingBlocks(ids, { tokenizer, blockLength, blocksPerStep, seed })
  return {
    until,
    batch(step) {
      const labelled = label(blocksOf(step), objective, step, options)
      const [batch] = blockBatches(labelled, blocksPerStep)
      const firstPosition = phase.randomPosition ? randomStream(seed, 'position', step).index(places) : 0
      return { graph: graphs(firstPosition), feeds: batch!.feeds }
    },
  }
}

function label(
  blocks: Tensor<Int32Array>,
  objective: PretrainingPhase['objective'],
  step: number,
  { tokenizer, maskProbability: probability, seed }: PretrainingOptions,
) {
  if (objective === 'nextToken') return { inputIds: blocks, labels: nextTokenLabels(blocks) }
  return maskTokens(blocks, { tokenizer, probability, seed, purpose: ['step', step] })
}

/** Graphs whose sequences begin at a position, each made when it is first asked for. */
function graphsByPosition(config: unknown, objective: PretrainingPhase['objective']): (position: number) => Graph {
  const graphs = new Map<number, Graph>()
  return (firstPosition) => {
    const known = graphs.get(firstPosition)
    if (known !== undefined) return known
    const graph = graphOf(config, 'config.json', { padding: false, causal: objective === 'nextToken', firstPosition })
    if (objectiveOf(graph) !== objective) {
      throw new UserError(
        `the architecture ${graph.architecture} cannot be trained on the objective ${objective} here: choose another in ` +
          'phases, or the architecture bert',
      )
    }
    graphs.set(firstPosition, graph)
    return graph
  }
}

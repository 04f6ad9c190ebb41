import { IGNORED_LABEL } from '@isthmus/corpus'
import { objectiveOf } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assertPhasesFit, type PretrainingPhase, phasesWithin, pretrainingBatches } from '../src/index.ts'

const config = {
  ...{ model_type: 'bert', architectures: ['BertForMaskedLM'], hidden_act: 'gelu', layer_norm_eps: 1e-12 },
  ...{ hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 12, type_vocab_size: 2 },
  ...{ vocab_size: 40, max_position_embeddings: 20 },
}
const [clsId, sepId, maskId] = [1, 2, 3]
const tokenizer = {
  ...{ file: 'vocab.txt', vocabSize: 40, vocabularyDigest: '', clsId, sepId, maskId },
  specialIds: new Set([0, clsId, sepId, maskId]),
}
/** Neighbours in the text are neighbours as numbers. */
const ids = Int32Array.from({ length: 500 }, (_, i) => 4 + (i % 36))
const masked: PretrainingPhase = { until: 9, objective: 'maskedLanguageModel', blockLength: 10, randomPosition: false }
const phases: PretrainingPhase[] = [{ until: 4, objective: 'nextToken', blockLength: 5, randomPosition: true }, masked]
const options = { config, ids, tokenizer, phases, tokensPerStep: 32, maskProbability: 0.4, seed: 3 }

describe('pretrainingBatches', () => {
  const batch = pretrainingBatches(options)

  it('predicts at first the next token at every position', () => {
    for (const step of [0, 1, 2, 3]) {
      const { graph, feeds } = batch(step)
      expect(objectiveOf(graph)).toBe('nextToken')
      const { inputIds, selectedPositions, labels } = feeds
      expect(inputIds!.shape).toEqual([6, 5])
      expect(selectedPositions!.data).toHaveLength(6 * 4)
      for (const [i, position] of selectedPositions!.data.entries()) {
        expect(labels!.data[i]).toBe(inputIds!.data[position + 1])
      }
    }
  })

  it('then predicts masked tokens, others at each step', () => {
    const steps = [4, 5, 6, 7, 8].map(batch)
    for (const { graph, feeds } of steps) {
      expect(objectiveOf(graph)).toBe('maskedLanguageModel')
      expect(feeds.inputIds!.shape).toEqual([3, 10])
      expect([...feeds.labels!.data]).not.toContain(IGNORED_LABEL)
      expect([...feeds.inputIds!.data]).toContain(maskId)
    }
    const positions = steps.map(({ feeds }) => feeds.selectedPositions!.data.join())
    expect(new Set(positions).size).toBe(steps.length)
  })

  it('gives each step by itself, from its seed', () =>
    expect(
      fc.assert(
        fc.property(fc.array(fc.nat({ max: 8 }), { maxLength: 6 }), (steps) => {
          const jumping = pretrainingBatches(options)
          for (const step of steps) expect(jumping(step)).toEqual(batch(step))
        }),
        { numRuns: 10 },
      ),
    ).toBeUndefined())

  it('draws other masks and blocks from another seed', () => {
    const other = pretrainingBatches({ ...options, seed: 4 })
    expect(other(5).feeds).not.toEqual(batch(5).feeds)
  })

  it('places short blocks anywhere among the positions, and makes a graph a place', () => {
    const moved = pretrainingBatches({ ...options, phases: [{ ...masked, until: 60, randomPosition: true }] })
    const offsets = Array.from({ length: 60 }, (_, step) => {
      const { graph } = moved(step)
      return { graph, offset: graph.nodes.flatMap((node) => (node.op === 'positions' ? [node.offset] : []))[0]! }
    })
    const places = new Set(offsets.map(({ offset }) => offset))
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...places)).toBeLessThanOrEqual(10)
    expect(places.size).toBeGreaterThan(8)
    expect(new Set(offsets.map(({ graph }) => graph)).size).toBe(places.size)
    expect(batch(7).graph).toBe(batch(8).graph)
  })
})

describe('assertPhasesFit', () => {
  it.each([
    [{ blockLength: 21 }, 64, 'phases has blocks of 21 tokens, but the model has 20 positions: shorten the blocks'],
    [{}, 9, 'tokensPerStep is 9, but one block of phases has 10 tokens: set tokensPerStep=10 or more'],
  ])('refuses %j with %d tokens a step', (change, tokensPerStep, sentence) => {
    const check = () => assertPhasesFit(config, [{ ...masked, ...change }], tokensPerStep)
    expect(check).toThrow(UserError)
    expect(check).toThrow(sentence)
  })

  it('refuses the next token of an architecture that has no causal attention', () => {
    const roberta = { ...config, model_type: 'roberta', architectures: ['RobertaForMaskedLM'], pad_token_id: 1 }
    expect(() => assertPhasesFit(roberta, phases, 32)).toThrow(
      'the architecture roberta cannot be trained on the objective nextToken here: choose another in phases',
    )
  })
})

describe('phasesWithin', () => {
  const { until: _, ...rest } = masked
  const schedule = [800, 0.6, 1].map((until) => ({ until, ...rest }))
  const ends = (steps: number) => phasesWithin(schedule, steps).map(({ until }) => until)

  it('ends phases at a number of steps, or a part of all', () => {
    expect(ends(15_000)).toEqual([800, 9000, 15_000])
  })

  it('leaves out phases that are over before they begin, and ends with the training', () => {
    expect(ends(1000)).toEqual([800, 1000])
    expect(ends(300)).toEqual([300])
    expect(ends(1)).toEqual([1])
  })

  it('refuses a schedule that ends before', () => {
    expect(() => phasesWithin(schedule.slice(0, 2), 2000)).toThrow(
      'the phases end after 1200 of 2000 steps: set until=1 in the last, which then goes on to the end',
    )
  })
})

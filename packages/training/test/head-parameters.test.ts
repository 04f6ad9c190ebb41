import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { classifierConfig, headParameters } from '../src/index.ts'

const base = {
  model_type: 'bert',
  architectures: ['BertForMaskedLM'],
  hidden_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 8,
  vocab_size: 11,
  max_position_embeddings: 8,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
}

describe('classifierConfig', () => {
  it('is the config of a classifier as transformers writes it', () => {
    expect(classifierConfig({ ...base, num_labels: 7 }, ['ham', 'spam'], 'seed-1')).toEqual({
      ...base,
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'ham', 1: 'spam' },
      label2id: { ham: 0, spam: 1 },
      problem_type: 'single_label_classification',
    })
  })

  it('has one label where that is a score', () => {
    const { id2label, problem_type } = classifierConfig(base, null, 'seed-1')
    expect([id2label, problem_type]).toEqual([{ 0: 'LABEL_0' }, 'regression'])
  })

  it('refuses a model that has no classifier here', () => {
    expect(() => classifierConfig({ model_type: 'gpt2' }, ['a', 'b'], 'seed-1')).toThrow(
      new UserError(
        'seed-1 has model_type gpt2, and only bert, roberta, distilbert can be fine-tuned on a task; choose a family of ' +
          'one of these',
      ),
    )
  })
})

describe('headParameters', () => {
  const head = (seed: number) => headParameters(classifierConfig(base, ['a', 'b', 'c'], 'seed-1'), 'config.json', seed)

  it('draws the pooler and the classifier from the seed, and zero biases', () => {
    const drawn = head(3)
    expect([...drawn].map(([name, { shape }]) => [name, ...shape])).toEqual([
      ['bert.pooler.dense.weight', 64, 64],
      ['bert.pooler.dense.bias', 64],
      ['classifier.weight', 3, 64],
      ['classifier.bias', 3],
    ])
    for (const name of ['bert.pooler.dense.bias', 'classifier.bias']) expect(Math.max(...drawn.get(name)!.data)).toBe(0)
    expect(head(3)).toEqual(drawn)
    expect(head(4).get('classifier.weight')).not.toEqual(drawn.get('classifier.weight'))
  })

  it('draws weights from N(0, 0.02²)', () => {
    const { data } = head(3).get('bert.pooler.dense.weight')!
    const mean = data.reduce((sum, x) => sum + x, 0) / data.length
    const deviation = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length)
    // Of 4,096 draws, four standard errors of the mean and of the deviation.
    expect(Math.abs(mean)).toBeLessThan((4 * 0.02) / 64)
    expect(Math.abs(deviation - 0.02)).toBeLessThan((4 * 0.02) / (64 * Math.SQRT2))
  })
})

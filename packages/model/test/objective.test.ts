import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { graphOf, graphSizes, objectiveOf, readsImages } from '../src/index.ts'

const graphs = (name: string, overrides: object = {}) => {
  const config = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures', name, 'config.json'), 'utf8'))
  return graphOf({ ...config, ...overrides }, `${name}/config.json`)
}

describe('objectiveOf', () => {
  it.each([
    ['bert-mlm', {}, 'maskedLanguageModel'],
    ['roberta-mlm', {}, 'maskedLanguageModel'],
    ['distilbert-mlm', {}, 'maskedLanguageModel'],
    ['gpt2', {}, 'nextToken'],
    ['vit', {}, 'imageClassification'],
    ['bert-classifier', {}, 'textClassification'],
    ['roberta-mlm', { architectures: ['RobertaForSequenceClassification'] }, 'textClassification'],
    ['distilbert-mlm', { architectures: ['DistilBertForSequenceClassification'] }, 'textClassification'],
    ['bert-bare', {}, null],
    ['gpt2', { architectures: ['GPT2Model'] }, null],
    ['vit', { architectures: ['ViTModel'] }, null],
  ] as const)('of %s with %j is %s', (name, overrides, objective) => {
    const graph = graphs(name, overrides)
    expect(objectiveOf(graph)).toBe(objective)
    expect(readsImages(graph)).toBe(name === 'vit')
  })
})

describe('graphSizes', () => {
  it('reads the sizes that each configuration names differently', () => {
    const text = { hiddenSize: 32, layers: 2, heads: 4, vocabulary: 101 }
    for (const name of ['bert-mlm', 'roberta-mlm', 'distilbert-mlm', 'gpt2']) {
      expect(graphSizes(graphs(name)), name).toEqual(text)
    }
    expect(graphSizes(graphs('vit'))).toEqual({ ...text, vocabulary: 0 })
  })
})

describe('classifiers', () => {
  const own = (name: string, type: string) => {
    const config = { architectures: [type], id2label: { 0: 'A', 1: 'B', 2: 'C' } }
    const [classifier, encoder] = [graphs(name, config), graphs(name, { architectures: null })]
    const known = new Set(encoder.parameters.map((parameter) => parameter.name))
    return classifier.parameters
      .filter((parameter) => !known.has(parameter.name))
      .map((parameter) => `${parameter.name} [${parameter.shape.join(', ')}]`)
  }

  it('have the parameters that transformers names', () => {
    expect(own('roberta-mlm', 'RobertaForSequenceClassification')).toEqual([
      'classifier.dense.weight [32, 32]',
      'classifier.dense.bias [32]',
      'classifier.out_proj.weight [3, 32]',
      'classifier.out_proj.bias [3]',
    ])
    expect(own('distilbert-mlm', 'DistilBertForSequenceClassification')).toEqual([
      'pre_classifier.weight [32, 32]',
      'pre_classifier.bias [32]',
      'classifier.weight [3, 32]',
      'classifier.bias [3]',
    ])
  })
})

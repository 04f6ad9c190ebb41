import { join } from 'node:path'
import { Checkpoint, openSafetensors } from '@isthmus/checkpoint'
import { type Tensor, tensor } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { graphOf, interpret } from '../src/index.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
/** PyTorch computes in f32: a few units in the last place of logits of size 10, through all layers. */
const pytorch = 1e-4

/** Inputs by the names that PyTorch and the graph have for them, and the output that was saved. */
const models = [
  { name: 'bert-mlm', output: 'logits', saved: 'logits' },
  { name: 'bert-classifier', output: 'logits', saved: 'logits' },
  { name: 'bert-bare', output: 'hidden', saved: 'last_hidden_state' },
  { name: 'roberta-mlm', output: 'logits', saved: 'logits' },
  { name: 'distilbert-mlm', output: 'logits', saved: 'logits' },
  { name: 'gpt2', output: 'logits', saved: 'logits' },
  { name: 'vit', output: 'logits', saved: 'logits' },
] as const

describe('interpret agrees with PyTorch on random models', () => {
  for (const { name, output, saved } of models) {
    it(`${name}: ${output}`, async () => {
      await using checkpoint = await Checkpoint.open(join(fixtures, name))
      await using expected = await openSafetensors(join(fixtures, name, 'expected.safetensors'))
      const isPadded = expected.tensors.has('attention_mask')
      const graph = graphOf(checkpoint.config, 'config.json', { padding: isPadded })
      const pytorchValue = await expected.read(saved)
      const rows = pytorchValue.data.length / pytorchValue.shape.at(-1)!
      const inputs: Record<string, Tensor<Int32Array> | Tensor<Float32Array>> = {
        selectedPositions: tensor(
          Int32Array.from({ length: rows }, (_, i) => i),
          [rows],
        ),
      }
      for (const [input, stored] of [
        ['inputIds', 'input_ids'],
        ['tokenTypeIds', 'token_type_ids'],
        ['attentionMask', 'attention_mask'],
      ] as const) {
        if (expected.tensors.has(stored)) inputs[input] = await expected.readInt32(stored)
      }
      if (expected.tensors.has('pixel_values')) inputs.pixelValues = await expected.read('pixel_values')

      const parameters = new Map<string, Tensor<Float64Array>>()
      for (const parameter of graph.parameters) {
        const { shape, data } = await checkpoint.read(parameter.name)
        expect(shape).toEqual(parameter.shape)
        parameters.set(parameter.name, { shape, data: Float64Array.from(data) })
      }
      const value = interpret(graph, parameters, inputs, [output])[output]!
      const width = pytorchValue.shape.at(-1)!
      expect(value.data).toHaveLength(pytorchValue.data.length)
      let [compared, difference] = [0, 0]
      for (let i = 0; i < value.data.length; i++) {
        // Rows of padding are defined, but mean nothing; a classifier reads the first token, which is none.
        const isPadding = rows > pytorchValue.shape[0]! && inputs.attentionMask?.data[Math.floor(i / width)] === 0
        if (isPadding) continue
        compared++
        difference = Math.max(difference, Math.abs(value.data[i]! - pytorchValue.data[i]!))
      }
      expect(compared).toBeGreaterThan(0)
      expect(difference).toBeLessThan(pytorch)
    })
  }
})

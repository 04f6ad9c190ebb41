import { drawWeights, engineContract, smallFeeds, smallGraph } from '@isthmus/engine/contract'
import { UserError } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { backendNames, inspectBackend, tfjsEngine } from '../src/index.ts'
import { availableBackends } from './available-backends.ts'

for (const executionProvider of availableBackends) {
  engineContract(`TensorFlow.js on ${executionProvider}`, () => tfjsEngine.create({ executionProvider }))
}

describe('tfjsEngine', () => {
  it('is identified by the backend and by what computes there', async () => {
    for (const executionProvider of availableBackends) {
      const identity = tfjsEngine.identity({ executionProvider })
      expect(identity).toEqual({
        name: 'tfjs',
        version: expect.stringMatching(/^\d+\.\d+\.\d+(\+libtensorflow\.\d+\.\d+\.\d+)?\+interpreter\.\d+$/),
        executionProvider,
      })
      expect((await tfjsEngine.create({ executionProvider })).identity).toEqual(identity)
    }
  })

  it('names the backend that auto and cpu stand for, which is never plain JavaScript', async () => {
    const [fastest, fastestWithoutGpu] = [
      availableBackends[0],
      availableBackends.find((name) => name !== 'tensorflow-gpu'),
    ]
    expect(tfjsEngine.identity({ executionProvider: 'auto' })).toEqual(
      tfjsEngine.identity({ executionProvider: fastest! }),
    )
    expect(tfjsEngine.identity({ executionProvider: 'cpu' }).executionProvider).toBe(fastestWithoutGpu)
    expect(fastestWithoutGpu).not.toBe('javascript')
    expect((await tfjsEngine.create({ executionProvider: 'cpu' })).identity.executionProvider).toBe(fastestWithoutGpu)
  })

  it('refuses a backend that TensorFlow.js does not have, with those that it has', async () => {
    const error = new UserError(
      "TensorFlow.js has no backend 'cuda'; executionProvider is one of tensorflow-gpu, tensorflow, wasm, javascript, " +
        'or auto or cpu for the fastest of them here, with or without a GPU',
    )
    expect(() => tfjsEngine.identity({ executionProvider: 'cuda' })).toThrow(error)
    await expect(tfjsEngine.create({ executionProvider: 'cuda' })).rejects.toThrow(error)
  })

  it('says of a backend that is not installed how to get it', () => {
    const sentences = {
      'tensorflow-gpu':
        "the backend 'tensorflow-gpu' is not installed here: install @tensorflow/tfjs-node-gpu with its install " +
        'script, and the CUDA libraries that it names, on a machine with an NVIDIA GPU; or choose executionProvider ' +
        'cpu for the fastest that is',
      tensorflow:
        "the backend 'tensorflow' is not installed here: npm start --workspace @isthmus/tensorflow-native builds it, " +
        'over three times as fast as wasm; or choose executionProvider cpu for the fastest that is',
    }
    expect(backendNames.filter((name) => !(name in sentences)).map(inspectBackend)).toMatchObject([
      { name: 'wasm', available: true, remedy: null },
      { name: 'javascript', available: true, remedy: null },
    ])
    for (const [executionProvider, sentence] of Object.entries(sentences)) {
      if (availableBackends.some((name) => name === executionProvider)) continue
      expect(() => tfjsEngine.identity({ executionProvider })).toThrow(new UserError(sentence))
    }
  })

  it('computes on its own backend, whichever another engine of the process has used last', async () => {
    const weights = drawWeights(smallGraph, 1)
    const feeds = smallFeeds(2, 4, 2)
    const programs = await Promise.all(
      ['wasm', 'javascript'].map(async (executionProvider) => {
        const engine = await tfjsEngine.create({ executionProvider })
        return engine.compile(smallGraph, { outputs: ['logits'] })
      }),
    )
    const backends: string[] = []
    for (const program of [...programs, ...programs]) {
      await program.run(weights, feeds)
      backends.push(tf.getBackend())
    }
    expect(backends).toEqual(['wasm', 'cpu', 'wasm', 'cpu'])
  })

  for (const executionProvider of availableBackends) {
    it(`keeps nothing of 1,000 runs on ${executionProvider}`, async () => {
      const engine = await tfjsEngine.create({ executionProvider })
      const program = await engine.compile(smallGraph, { outputs: ['query.0'] })
      const weights = drawWeights(smallGraph, 1)
      const { inputIds, tokenTypeIds } = smallFeeds(2, 4, 2)
      const feeds = { inputIds: inputIds!, tokenTypeIds: tokenTypeIds! }
      await program.run(weights, feeds)
      const { numTensors, numDataBuffers } = tf.memory()
      for (let run = 0; run < 1000; run++) await program.run(weights, feeds)
      expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers })
    })
  }
})

import { drawWeights, engineContract, smallFeeds, smallGraph } from '@isthmus/engine/contract'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { inspectProviders, onnxEngine } from '../src/index.ts'

engineContract('onnx on the CPU', () => onnxEngine.create({ executionProvider: 'cpu' }))

describe('onnxEngine', () => {
  it('is identified by what its results depend on', async () => {
    const identity = onnxEngine.identity({ executionProvider: 'cpu' })
    expect(identity).toEqual({
      name: 'onnx',
      version: expect.stringMatching(/^\d+\.\d+\.\d+\+lowering\.\d+$/),
      executionProvider: 'cpu',
    })
    expect((await onnxEngine.create({ executionProvider: 'cpu' })).identity).toEqual(identity)
    expect(onnxEngine.identity({ executionProvider: 'webgpu' })).toEqual({
      ...identity,
      version: `${identity.version}.plain`,
      executionProvider: 'webgpu',
    })
  })

  it('writes into buffers that it is given, and leaves there those that were too short', async () => {
    const engine = await onnxEngine.create({ executionProvider: 'cpu' })
    const program = await engine.compile(smallGraph, { outputs: ['logits'] })
    const weights = drawWeights(smallGraph, 13)
    const buffers = new Map<string, Float32Array>()
    const run = async (batch: number) => (await program.run(weights, smallFeeds(batch, 5, 16), buffers)).logits!.data
    const [small, large, again] = [await run(1), await run(2), await run(1)]
    expect(large.buffer).not.toBe(small.buffer)
    expect(again.buffer).toBe(large.buffer)
    expect(again.length).toBe(small.length)
    await program.dispose()
  })

  it('refuses an execution provider that ONNX Runtime does not know', async () => {
    const creating = onnxEngine.create({ executionProvider: 'abacus' })
    await expect(creating).rejects.toThrow(UserError)
    await expect(creating).rejects.toThrow(
      /^ONNX Runtime has no execution provider 'abacus' on this platform; it has cpu, [a-z, ]+$/,
    )
  })

  it('starts every execution provider that works here, and says of others why not and how to get them', async () => {
    const { providers } = await inspectProviders()
    expect(providers.find(({ name }) => name === 'cpu')).toEqual({ name: 'cpu', reason: null, remedy: null })
    for (const { name: executionProvider, reason, remedy } of providers) {
      if (reason === null) {
        expect((await onnxEngine.create({ executionProvider })).identity.executionProvider).toBe(executionProvider)
        continue
      }
      const creating = onnxEngine.create({ executionProvider })
      await expect(creating).rejects.toThrow(UserError)
      await expect(creating).rejects.toThrow(`the execution provider '${executionProvider}' does not start here (`)
      await expect(creating).rejects.toThrow(`${remedy ?? ')'}, or choose executionProvider cpu`)
    }
  })
})

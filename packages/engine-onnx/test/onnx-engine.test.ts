import { drawWeights, engineContract, smallFeeds, smallGraph } from '@isthmus/engine/contract'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { executionProviders, onnxEngine } from '../src/index.ts'

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

  it('starts every execution provider that works here, and says of cuda how to get it where it does not', async () => {
    const working = await executionProviders()
    expect(working).toContain('cpu')
    for (const executionProvider of working) {
      expect((await onnxEngine.create({ executionProvider })).identity.executionProvider).toBe(executionProvider)
    }
    if (working.includes('cuda')) return
    const creating = onnxEngine.create({ executionProvider: 'cuda' })
    await expect(creating).rejects.toThrow(UserError)
    await expect(creating).rejects.toThrow(
      /^the execution provider 'cuda' does not start here \(.+\); its libraries are fetched by onnxruntime-node's install script, which this project leaves out: npm rebuild onnxruntime-node --ignore-scripts=false, or choose executionProvider cpu$|^ONNX Runtime has no execution provider 'cuda' on this platform; it has [a-z, ]+$/,
    )
  })
})

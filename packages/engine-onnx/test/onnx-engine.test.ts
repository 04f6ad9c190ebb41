import { engineContract } from '@isthmus/engine/contract'
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

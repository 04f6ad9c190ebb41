import { describe, expect, it } from 'vitest'
import { openBackend } from '../src/gradients.ts'
import { availableBackends } from './available-backends.ts'

describe('openBackend', () => {
  it('leaves nothing on the process that would print over an error of ours', async () => {
    const listeners = () => [process.listeners('uncaughtException'), process.listeners('unhandledRejection')]
    const before = listeners()
    for (const name of availableBackends) await openBackend(name)
    expect(listeners()).toEqual(before)
  })

  it('loads a backend once', async () => {
    const [first, second] = await Promise.all([openBackend('wasm'), openBackend('wasm')])
    expect(second).toBe(first)
    expect(first.name).toBe('wasm')
  })
})

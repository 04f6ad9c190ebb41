import { UserError } from '@isthmus/tensor'
import { expect, it } from 'vitest'
import { type EngineFactory, selectEngine } from '../src/index.ts'

function factory(name: string): EngineFactory {
  return {
    name,
    identity: ({ executionProvider }) => ({ name, version: '1.0.0', executionProvider }),
    create: () => Promise.reject(new Error('not made for the test')),
  }
}

it('finds an engine by its name, and names those there are', () => {
  const factories = [factory('onnx'), factory('tfjs')]
  expect(selectEngine(factories, 'tfjs')).toBe(factories[1])
  expect(() => selectEngine(factories, 'torch')).toThrow(new UserError("no engine 'torch'; the engines are onnx, tfjs"))
})

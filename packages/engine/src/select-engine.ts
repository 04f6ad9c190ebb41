import { UserError } from '@isthmus/tensor'
import type { Engine, EngineIdentity } from './engine.ts'

/** Where an engine computes: the providers of ONNX Runtime, or the backend of another engine. */
export interface EngineOptions {
  readonly executionProvider: string
}

/** One entry of the registry: an engine that can be made when it is needed. */
export interface EngineFactory {
  readonly name: string
  /** What results would depend on, without loading anything heavy. */
  identity(options: EngineOptions): EngineIdentity
  /** @throws {UserError} when this machine lacks what the engine or its provider needs. */
  create(options: EngineOptions): Promise<Engine>
}

/** Find an engine by name in a registry, which is a plain list.
 *
 *  @throws {UserError} naming the engines that there are.
 */
export function selectEngine(factories: readonly EngineFactory[], name: string): EngineFactory {
  const factory = factories.find((candidate) => candidate.name === name)
  if (factory === undefined) {
    throw new UserError(`no engine '${name}'; the engines are ${factories.map((entry) => entry.name).join(', ')}`)
  }
  return factory
}

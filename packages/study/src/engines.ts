import { type EngineFactory, type EngineIdentity, type EngineOptions, selectEngine } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { tfjsEngine } from '@isthmus/engine-tfjs'

/** Every engine there is. A new one is a package of its own and a line here. */
export const engineFactories: readonly EngineFactory[] = [onnxEngine, tfjsEngine]

/** The identity that results of an engine depend on.
 *
 *  @throws {UserError} naming the engines that there are.
 */
export function engineIdentity({ name, ...options }: EngineOptions & { readonly name: string }): EngineIdentity {
  return selectEngine(engineFactories, name).identity(options)
}

/** Check that an engine can be started here, before a study plans thousands of steps with it.
 *
 *  @throws {UserError} saying what this machine lacks.
 */
export async function assertEngineStarts({
  name,
  ...options
}: EngineOptions & { readonly name: string }): Promise<void> {
  await selectEngine(engineFactories, name).create(options)
}

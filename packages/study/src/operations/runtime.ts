import { Checkpoint } from '@isthmus/checkpoint'
import type { InputArtifact } from '@isthmus/dataflow'
import { type Engine, type Program, selectEngine } from '@isthmus/engine'
import { type ParameterReader, untiedReader } from '@isthmus/merging'
import { type ArchitectureOptions, type Graph, graphOf } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import { engineFactories } from '../engines.ts'
import type { EngineParam } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** What a worker process keeps between nodes: engines, and the programs used last. Results do not depend on it. */
const engines = new Map<string, Promise<Engine>>()
const programs = new Map<string, Promise<Program>>()
const programsKept = 6

/** The engine that a param names.
 *
 *  @throws {UserError} when this machine has another version than the one that the result is to be of.
 */
export function engineOf(param: EngineParam): Promise<Engine> {
  const key = JSON.stringify(param)
  const known = engines.get(key)
  if (known !== undefined) return known
  assertEngineVersion(param)
  const engine = selectEngine(engineFactories, param.name).create(param)
  engines.set(key, engine)
  return engine
}

/** Check that this process has the engine that a result is to be of.
 *
 *  @throws {UserError} naming both versions.
 */
export function assertEngineVersion(param: EngineParam): void {
  const { version } = selectEngine(engineFactories, param.name).identity(param)
  if (version === param.version) return
  throw new UserError(
    `the result is to be computed by ${param.name} ${param.version}, but this process has version ${version}`,
  )
}

/** A program for some outputs of a graph, compiled once per process. */
export async function programOf(param: EngineParam, graph: Graph, outputs: readonly string[]): Promise<Program> {
  const key = JSON.stringify([param, graph, outputs])
  const known = programs.get(key)
  if (known !== undefined) {
    programs.delete(key)
    programs.set(key, known)
    return known
  }
  const program = (await engineOf(param)).compile(graph, { outputs })
  programs.set(key, program)
  const [oldest] = programs.keys()
  if (programs.size > programsKept && oldest !== undefined) {
    await (await programs.get(oldest)!).dispose()
    programs.delete(oldest)
  }
  return program
}

/** A checkpoint, the graph of its architecture, and its parameters as that graph names them. */
export interface RunningModel extends AsyncDisposable {
  readonly checkpoint: Checkpoint
  readonly graph: Graph
  readonly read: ParameterReader
}

/** Open a checkpoint artifact; `await using` closes it.
 *
 *  @param options How the graph is built. `tied` leaves the decoder as the config says; with `untied` a
 *    tied one is read as a copy of the embeddings.
 */
export async function openModel(
  artifact: InputArtifact,
  { decoder, ...options }: Pick<ArchitectureOptions, 'decoder' | 'head'> & { readonly padding: boolean },
): Promise<RunningModel> {
  const checkpoint = await Checkpoint.open(await blobPaths(artifact))
  const graph = graphOf(checkpoint.config, 'config.json', options)
  const read: ParameterReader = (name) => checkpoint.read(name)
  const close = { [Symbol.asyncDispose]: () => checkpoint.close() }
  if (decoder !== 'untied') return { checkpoint, graph, read, ...close }
  const untied = graphOf(checkpoint.config, 'config.json', { ...options, decoder })
  return { checkpoint, graph: untied, read: untiedReader(read, graph, untied), ...close }
}

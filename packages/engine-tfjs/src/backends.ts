import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import packageJson from '../package.json' with { type: 'json' }

/** Where TensorFlow.js computes, fastest first. `javascript` is for tests of tiny graphs: a hundred times slower. */
export const backendNames = ['tensorflow-gpu', 'tensorflow', 'wasm', 'javascript'] as const

export type BackendName = (typeof backendNames)[number]

/** What this machine has of one backend. */
export interface BackendReport {
  readonly name: BackendName
  readonly available: boolean
  /** Of what computes: TensorFlow.js, and libtensorflow where that does. */
  readonly version: string
  /** How to get it, where it is not available: the end of a sentence. */
  readonly remedy: string | null
}

const { resolve } = createRequire(import.meta.url)

/** TensorFlow.js, of whose packages all have one version. */
const version = packageJson.dependencies['@tensorflow/tfjs']

/** The packages of the native backends: optional peers, which a user may install. */
const nativePackages: Partial<Record<BackendName, string>> = {
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
  tensorflow: '@tensorflow/tfjs-node',
}

const remedies: Partial<Record<BackendName, string>> = {
  'tensorflow-gpu':
    'install @tensorflow/tfjs-node-gpu with its install script, and the CUDA libraries that it names, on a machine ' +
    'with an NVIDIA GPU',
  tensorflow: 'npm start --workspace @isthmus/tensorflow-native builds it, over three times as fast as wasm',
}

/** Look for a backend without loading it. */
export function inspectBackend(name: BackendName): BackendReport {
  const packageName = nativePackages[name]
  if (packageName === undefined) return { name, available: true, version, remedy: null }
  const addon = addonOf(packageName)
  const available = addon !== null && (name !== 'tensorflow-gpu' || hasNvidiaDriver())
  const library = addon === null ? null : libraryVersion(addon)
  return {
    name,
    available,
    version: library === null ? version : `${version}+libtensorflow.${library}`,
    remedy: available ? null : remedies[name]!,
  }
}

/** The backend that an execution provider stands for: itself, or for `auto` the fastest here, for `cpu` the fastest here
 *  that needs no GPU; neither stands for `javascript`.
 *
 *  @throws {UserError} when there is no such backend, or this machine lacks it, saying how to get it.
 */
export function resolveBackend(executionProvider: string): BackendReport {
  if (executionProvider === 'auto' || executionProvider === 'cpu') {
    const candidates = backendNames.filter((name) => executionProvider === 'auto' || name !== 'tensorflow-gpu')
    return candidates.map(inspectBackend).find(({ available }) => available)!
  }
  const name = backendNames.find((candidate) => candidate === executionProvider)
  if (name === undefined) {
    throw new UserError(
      `TensorFlow.js has no backend '${executionProvider}'; executionProvider is one of ${backendNames.join(', ')}, ` +
        'or auto or cpu for the fastest of them here, with or without a GPU',
    )
  }
  const report = inspectBackend(name)
  if (report.available) return report
  throw new UserError(
    `the backend '${name}' is not installed here: ${report.remedy}; or choose executionProvider cpu for the fastest ` +
      'that is',
  )
}

/** The package that a native backend comes in; undefined for the others. */
export function nativePackage(name: BackendName): string | undefined {
  return nativePackages[name]
}

/** The path of a package's native addon, or null: requiring the package without it throws. */
function addonOf(packageName: string): string | null {
  try {
    const folder = dirname(resolve(`${packageName}/package.json`))
    const addon = join(folder, 'lib', 'napi-v8', 'tfjs_binding.node')
    return existsSync(addon) ? addon : null
  } catch {
    return null
  }
}

/** The version in the name of the library that an addon is linked with, `libtensorflow.so.2.18.0`; null where the
 *  platform's names have none. */
function libraryVersion(addon: string): string | null {
  const folder = join(addon, '../../../deps/lib')
  for (const name of ['libtensorflow.so', 'libtensorflow.dylib']) {
    const path = join(folder, name)
    const version = existsSync(path) ? /\d+\.\d+\.\d+/.exec(realpathSync(path).slice(folder.length))?.[0] : undefined
    if (version !== undefined) return version
  }
  return null
}

/** Windows has no such file to look at: there the addon's presence has to do. */
function hasNvidiaDriver(): boolean {
  return process.platform !== 'linux' || ['/dev/nvidiactl', '/dev/dxg'].some((device) => existsSync(device))
}

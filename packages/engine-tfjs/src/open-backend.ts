import { createRequire } from 'node:module'
import util from 'node:util'
import { UserError } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import { type BackendName, nativePackage, resolveBackend } from './backends.ts'

/** A backend that is loaded and ready. */
export interface OpenBackend {
  readonly name: BackendName
  /** Make it the one that TensorFlow.js computes on, which is one a process: to be called before each run. */
  activate(): void
}

/** TensorFlow.js's own names. Both native packages go by one, so that a process can load but one of them. */
const registeredNames: Readonly<Record<BackendName, string>> = {
  'tensorflow-gpu': 'tensorflow',
  tensorflow: 'tensorflow',
  wasm: 'wasm',
  javascript: 'cpu',
}

const opened = new Map<string, Promise<OpenBackend>>()

/** Load a backend, once a process, and make it active.
 *
 *  TensorFlow's threads are set when it is loaded, by `TF_NUM_INTRAOP_THREADS`; where that is not set, to one.
 *  @param executionProvider A backend, or `auto` or `cpu`: see {@link resolveBackend}.
 *  @throws {UserError} when this machine lacks it, or the process has loaded the other native one.
 */
export async function openBackend(executionProvider: string): Promise<OpenBackend> {
  const { name } = resolveBackend(executionProvider)
  const registered = registeredNames[name]
  const known = opened.get(registered) ?? load(name, registered)
  opened.set(registered, known)
  const backend = await known
  if (backend.name !== name) {
    throw new UserError(`this process has loaded '${backend.name}' already, beside which '${name}' cannot be loaded`)
  }
  backend.activate()
  return backend
}

async function load(name: BackendName, registered: string): Promise<OpenBackend> {
  // Else the backends advertise each other on stderr.
  tf.enableProdMode()
  const packageName = nativePackage(name)
  if (packageName !== undefined) loadNative(packageName)
  if (name === 'wasm') await loadWasm()
  const started = await withoutNewListeners(() => tf.setBackend(registered))
  if (!started) throw new UserError(`the backend '${name}' does not start here: choose another executionProvider`)
  const instance = tf.findBackend(registered) as tf.KernelBackend & { readonly isUsingGpuDevice?: boolean }
  if (name === 'tensorflow-gpu' && !instance.isUsingGpuDevice) {
    throw new UserError(
      `${packageName} finds no GPU that it can use, or not the CUDA libraries that it needs: choose ` +
        'executionProvider cpu, or see what it says with TF_CPP_MIN_LOG_LEVEL=0',
    )
  }
  return {
    name,
    activate() {
      // What is started already is set at once: the promise is for what is not.
      if (tf.getBackend() !== registered || tf.backend() !== instance) void tf.setBackend(registered)
    },
  }
}

function loadNative(packageName: string): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3'
  process.env.TF_NUM_INTRAOP_THREADS ??= '1'
  process.env.TF_DETERMINISTIC_OPS ??= '1'
  restoreUtilFunctions()
  createRequire(import.meta.url)(packageName)
}

/** Give `node:util` two functions that tfjs-node 4.22.0 calls for nearly every kernel: Node 22 warns of them, and from
 *  Node 23 on `isNullOrUndefined` is gone.
 *
 *  @see https://github.com/tensorflow/tfjs/issues/8609
 */
function restoreUtilFunctions(): void {
  const isNullOrUndefined = (value: unknown) => value === null || value === undefined
  Object.assign(util, { isNullOrUndefined, isArray: Array.isArray })
}

async function loadWasm(): Promise<void> {
  await import('@tensorflow/tfjs-backend-wasm')
  const { registerWasmKernels } = await import('./wasm-kernels.ts')
  registerWasmKernels()
}

/** Run something, then take away the listeners that it has left on the process: the WebAssembly module's rethrow whatever
 *  error nobody has caught, with its own source of one long line. */
async function withoutNewListeners<Result>(run: () => Promise<Result>): Promise<Result> {
  const events = ['uncaughtException', 'unhandledRejection']
  const before = events.map((event) => new Set(process.listeners(event as NodeJS.Signals)))
  const result = await run()
  for (const [i, event] of events.entries()) {
    for (const listener of process.listeners(event as NodeJS.Signals)) {
      if (!before[i]!.has(listener)) process.removeListener(event, listener)
    }
  }
  return result
}

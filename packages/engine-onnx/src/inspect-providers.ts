import { type ExecFileException, execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { probeModel, quietRuntime, reasonOf, remedies } from './start-provider.ts'

/** An execution provider that ONNX Runtime has on this platform. */
export interface ProviderReport {
  readonly name: string
  /** Why it does not start here: null where it does. */
  readonly reason: string | null
  /** What to install, where it does not start and that is known. */
  readonly remedy: string | null
}

/** What of ONNX Runtime works here. */
export interface OnnxReport {
  readonly providers: readonly ProviderReport[]
  /** Null where they cannot be named: no provider names the adapters of Metal or Direct3D. */
  readonly adapters: GraphicsAdapters | null
}

/** Graphics adapters, by the names that their drivers give them. */
export interface GraphicsAdapters {
  /** Those that the Vulkan loader finds. */
  readonly found: readonly string[]
  /** The one that WebGPU takes: null where it can use none. */
  readonly taken: string | null
}

/** Start every execution provider, each in a process of its own: drivers write to stderr, and one may crash.
 *
 *  ONNX Runtime does not say which adapters it sees; the log of the Vulkan loader, through which it finds them, does.
 */
export async function inspectProviders(): Promise<OnnxReport> {
  const runtime = await quietRuntime()
  const names = runtime.listSupportedBackends().map(({ name }) => name)
  const attempts = await Promise.all(names.map(attempt))
  return {
    providers: attempts.map(({ name, reason }) => ({
      name,
      reason,
      remedy: reason === null ? null : (remedies[name] ?? null),
    })),
    adapters:
      process.platform === 'linux' ? adaptersInLog(attempts.find(({ name }) => name === 'webgpu')?.log ?? '') : null,
  }
}

interface Attempt {
  readonly name: string
  readonly reason: string | null
  /** What the process wrote to stderr. */
  readonly log: string
}

/** What the process runs, given where ONNX Runtime is, the provider, and the model in base64. */
const program = `
const [runtime, provider, model] = process.argv.slice(1)
const { env, InferenceSession } = require(runtime)
env.logLevel = 'fatal'
InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders: [provider], logSeverityLevel: 4 })
  .then((session) => session.release())
  .catch(({ message }) => process.stdout.write(message))
`

const patience = 60_000

function attempt(name: string): Promise<Attempt> {
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node')
  const model = Buffer.from(probeModel()).toString('base64')
  const options = { env: { ...process.env, VK_LOADER_DEBUG: 'info,driver' }, timeout: patience }
  return new Promise((settle) => {
    execFile(process.execPath, ['-e', program, runtime, name, model], options, (error, stdout, stderr) => {
      settle({ name, reason: failureOf(error, stdout, stderr), log: stderr })
    })
  })
}

/** @returns Why a provider did not start, with what its driver lacks, or null. */
function failureOf(error: ExecFileException | null, stdout: string, stderr: string): string | null {
  if (stdout !== '') return [reasonOf(stdout), ...driverFaults(stderr)].join('; ')
  if (error === null) return null
  return `its process ended with ${error.signal ?? `exit code ${error.code}`}`
}

/** What adapters lack that WebGPU needs, as Dawn writes it. */
function driverFaults(log: string): string[] {
  const faults = [...log.matchAll(/^Warning: (.+?)\.?\n - While initializing adapter/gm)].map(([, fault]) => fault!)
  return [...new Set(faults)]
}

/** The adapters in a log of the Vulkan loader, which lists them anew for each of its callers. */
export function adaptersInLog(log: string): GraphicsAdapters {
  const lists = [...log.matchAll(/Sorted order:.*\n((?:.*: +\[\d+\] .*\n)+)/g)]
  const lines = lists.at(-1)?.[1] ?? ''
  const found = [...lines.matchAll(/: +\[\d+\] (.+?) *(?:\[default\])?$/gm)].map(([, name]) => name!)
  return { found, taken: /: +Using "(.+)" with driver: /.exec(log)?.[1] ?? null }
}

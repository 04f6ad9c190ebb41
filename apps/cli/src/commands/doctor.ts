import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { type GraphicsAdapters, inspectProviders } from '@isthmus/engine-onnx'
import { backendNames, inspectBackend } from '@isthmus/engine-tfjs'
import { engineIdentity } from '@isthmus/study'
import { formatBytes } from '../format-bytes.ts'
import { isthmusHome } from '../home.ts'

/** `isthmus doctor`: what this machine has. */
export async function doctorCommand({ json }: { readonly json?: boolean }): Promise<void> {
  const home = isthmusHome()
  const { bavail, bsize } = await statfs('.')
  const { engine: onnx, adapters } = await onnxReport()
  const report = {
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    home: home.directory,
    freeDiskBytes: bavail * bsize,
    adapters,
    engines: [onnx, tfjsReport()],
  }
  if (json === true) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return
  }
  process.stdout.write(
    `node          ${report.node}\n` +
      `processor     ${report.cores} cores, ${report.processor}\n` +
      `memory        ${formatBytes(report.memoryBytes)}\n` +
      `home          ${report.home}, ${formatBytes(report.freeDiskBytes)} free\n` +
      `adapters      ${describeAdapters(adapters)}\n` +
      report.engines.map(describeEngine).join(''),
  )
}

/** An engine, where it computes here, and how to have it compute elsewhere. */
interface EngineReport {
  readonly name: string
  readonly version: string
  readonly executionProviders: readonly string[]
  readonly missing: readonly MissingProvider[]
}

interface MissingProvider {
  readonly executionProvider: string
  /** What the provider itself says. */
  readonly reason?: string
  readonly remedy: string
}

async function onnxReport(): Promise<{ engine: EngineReport; adapters: GraphicsAdapters | null }> {
  const { name, version } = engineIdentity({ name: 'onnx', executionProvider: 'cpu' })
  const { providers, adapters } = await inspectProviders()
  const engine = {
    name,
    version,
    executionProviders: providers.filter(({ reason }) => reason === null).map((provider) => provider.name),
    missing: providers.flatMap(({ name: executionProvider, reason, remedy }) =>
      reason === null || remedy === null ? [] : [{ executionProvider, remedy, reason }],
    ),
  }
  return { engine, adapters }
}

function describeAdapters(adapters: GraphicsAdapters | null): string {
  if (adapters === null) return `not named on ${process.platform}, where WebGPU takes what the system prefers`
  const { found, taken } = adapters
  if (found.length === 0) return 'none that Vulkan finds'
  const chosen = taken === null ? 'can use none' : `takes ${found.length === 1 ? 'it' : taken}`
  return `${found.join('; ')}; webgpu ${chosen}`
}

function tfjsReport(): EngineReport {
  const { name, version } = engineIdentity({ name: 'tfjs', executionProvider: 'auto' })
  const backends = backendNames.map(inspectBackend)
  return {
    name,
    version,
    executionProviders: backends.filter(({ available }) => available).map((backend) => backend.name),
    missing: backends.flatMap((backend) =>
      backend.remedy === null ? [] : [{ executionProvider: backend.name, remedy: backend.remedy }],
    ),
  }
}

function describeEngine({ name, version, executionProviders, missing }: EngineReport): string {
  return [
    `engine        ${name} ${version}: ${executionProviders.join(', ')}\n`,
    ...missing.map(
      ({ executionProvider, remedy, reason }) =>
        `              for ${executionProvider}: ${remedy}${reason === undefined ? '' : ` (${reason})`}\n`,
    ),
  ].join('')
}

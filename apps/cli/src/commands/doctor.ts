import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { executionProviders } from '@isthmus/engine-onnx'
import { backendNames, inspectBackend } from '@isthmus/engine-tfjs'
import { engineIdentity } from '@isthmus/study'
import { formatBytes } from '../format-bytes.ts'
import { isthmusHome } from '../home.ts'

/** `isthmus doctor`: what this machine has. */
export async function doctorCommand({ json }: { readonly json?: boolean }): Promise<void> {
  const home = isthmusHome()
  const { bavail, bsize } = await statfs('.')
  const report = {
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    home: home.directory,
    freeDiskBytes: bavail * bsize,
    engines: [await onnxReport(), tfjsReport()],
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
      report.engines.map(describeEngine).join(''),
  )
}

/** An engine, where it computes here, and how to have it compute elsewhere. */
interface EngineReport {
  readonly name: string
  readonly version: string
  readonly executionProviders: readonly string[]
  readonly missing: readonly { readonly executionProvider: string; readonly remedy: string }[]
}

async function onnxReport(): Promise<EngineReport> {
  const { name, version } = engineIdentity({ name: 'onnx', executionProvider: 'cpu' })
  return { name, version, executionProviders: await executionProviders(), missing: [] }
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
    ...missing.map(({ executionProvider, remedy }) => `              for ${executionProvider}: ${remedy}\n`),
  ].join('')
}

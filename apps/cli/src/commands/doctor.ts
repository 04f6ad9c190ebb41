import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { executionProviders } from '@isthmus/engine-onnx'
import { engineIdentity } from '@isthmus/study'
import { formatBytes } from '../format-bytes.ts'
import { isthmusHome } from '../home.ts'

/** `isthmus doctor`: what this machine has. */
export async function doctorCommand({ json }: { readonly json?: boolean }): Promise<void> {
  const home = isthmusHome()
  const { bavail, bsize } = await statfs('.')
  const { version } = engineIdentity({ name: 'onnx', executionProvider: 'cpu' })
  const report = {
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    home: home.directory,
    freeDiskBytes: bavail * bsize,
    engines: [{ name: 'onnx', version, executionProviders: await executionProviders() }],
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
      report.engines
        .map(
          ({ name, version, executionProviders }) =>
            `engine        ${name} ${version}: ${executionProviders.join(', ')}\n`,
        )
        .join(''),
  )
}

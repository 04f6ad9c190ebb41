import { resolve } from 'node:path'
import { Checkpoint } from '@isthmus/checkpoint'
import { openCache } from '@isthmus/dataflow'
import { describeSymmetries, graphOf, parameterCount, symmetries } from '@isthmus/model'
import { openModels } from '@isthmus/study'
import { isthmusHome } from '../home.ts'

/** `isthmus models inspect`. */
export async function inspectCommand(folder: string, { json }: { readonly json?: boolean }): Promise<void> {
  const cache = await openCache(isthmusHome().cache)
  try {
    const [model] = await openModels(cache, [resolve(folder)])
    await using checkpoint = await Checkpoint.open(folder)
    const graph = graphOf(checkpoint.config, `${folder}/config.json`)
    const used = new Set(graph.parameters.map(({ name }) => name))
    const report = {
      folder,
      architecture: graph.architecture,
      parameters: parameterCount(graph),
      tensors: checkpoint.tensors.size,
      unusedTensors: [...checkpoint.tensors.keys()].filter((name) => !used.has(name)),
      mapped: checkpoint.mapped,
      dtype: model!.dtype,
      maxPositions: model!.maxPositions,
      symmetries: describeSymmetries(symmetries(graph)),
      digest: model!.checkpoint.artifact.digest,
    }
    if (json === true) {
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
      return
    }
    const unused = report.unusedTensors.length === 0 ? '' : `, of which unused: ${report.unusedTensors.join(', ')}`
    process.stdout.write(
      `architecture  ${report.architecture}\n` +
        `parameters    ${report.parameters.toLocaleString('en')} in ${report.tensors} tensors${unused}\n` +
        `${report.mapped.map((line) => `mapped        ${line}\n`).join('')}` +
        `dtype         ${report.dtype}\n` +
        `positions     ${report.maxPositions}\n` +
        `symmetries    ${report.symmetries.join('\n              ')}\n` +
        `digest        ${report.digest}\n`,
    )
  } finally {
    cache.close()
  }
}

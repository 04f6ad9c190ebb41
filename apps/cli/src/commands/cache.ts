import { type Cache, cacheStats, collectGarbage, openCache, verifyCache } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { formatBytes } from '../format-bytes.ts'
import { formatRows } from '../format-rows.ts'
import { isthmusHome } from '../home.ts'

interface JsonOption {
  readonly json?: boolean
}

/** `isthmus cache stats`. */
export function statsCommand({ json }: JsonOption): Promise<void> {
  return withCache(async (cache) => {
    const stats = await cacheStats(cache)
    if (json === true) return printJson(stats)
    const rows = stats.operations.map(({ operation, records, blobs, bytes, seconds }) => [
      operation,
      records,
      blobs,
      formatBytes(bytes),
      Math.round(seconds),
    ])
    process.stdout.write(
      formatRows({ columns: ['operation', 'results', 'files', 'size', 'seconds spent'], rows }, 'table'),
    )
    process.stdout.write(
      `${stats.records} results, ${stats.blobs} files, ${formatBytes(stats.bytes)}, of which ` +
        `${formatBytes(stats.orphanedBytes)} in ${stats.orphanedBlobs} files that no result names; ${cache.directory}\n`,
    )
  })
}

/** `isthmus cache verify`. */
export function verifyCommand({ json, repair }: JsonOption & { readonly repair?: boolean }): Promise<void> {
  return withCache(async (cache) => {
    const report = await verifyCache(cache, { repair: repair === true })
    if (json === true) printJson(report)
    else {
      const faults = [
        ...report.corrupt.map(({ blob }) => `corrupt: blob ${blob}`),
        ...report.missing.map(({ blob }) => `missing: blob ${blob}`),
        ...report.damagedPacks.map(({ path, lines }) => `damaged: ${path}, lines ${lines.join(', ')}`),
        ...report.inconsistent.map((key) => `inconsistent: record ${key}`),
        ...report.nondeterministic.map(({ key, operation }) => `two results of one key: ${operation} ${key}`),
      ]
      for (const fault of faults) process.stdout.write(`${fault}\n`)
      process.stdout.write(
        `${report.records} results and ${report.blobs} files (${formatBytes(report.bytes)}) checked: ` +
          `${faults.length === 0 ? 'all sound' : `${faults.length} faults`}, ${report.orphaned.length} orphaned files\n`,
      )
    }
    if (!report.clean) process.exitCode = 1
  })
}

/** `isthmus cache gc`. */
export function gcCommand(options: JsonOption & { readonly olderThan: string; readonly yes?: boolean }): Promise<void> {
  const olderThanDays = Number(options.olderThan)
  if (!(olderThanDays >= 0)) {
    throw new UserError(`--older-than ${options.olderThan}: expected a number of days, as in --older-than 30`)
  }
  return withCache(async (cache) => {
    const report = await collectGarbage(cache, { olderThanDays, dryRun: options.yes !== true })
    if (options.json === true) return printJson(report)
    const verb = options.yes === true ? 'removed' : 'would remove (add --yes to do it)'
    process.stdout.write(
      `${verb} ${report.records} results and ${report.blobs} files, ${formatBytes(report.bytes)}` +
        `${report.abandoned > 0 ? `, and unfinished work of ${report.abandoned} steps` : ''}; ` +
        `${report.keptRecords} results and ${formatBytes(report.keptBytes)} stay\n`,
    )
  })
}

async function withCache(use: (cache: Cache) => Promise<void>): Promise<void> {
  const cache = await openCache(isthmusHome().cache)
  try {
    await use(cache)
  } finally {
    cache.close()
  }
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

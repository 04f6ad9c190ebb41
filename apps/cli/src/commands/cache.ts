import { type Cache, cacheStats, collectGarbage, openCache, verifyCache } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { formatBytes } from '../format-bytes.ts'
import { formatRows } from '../format-rows.ts'
import { isthmusHome } from '../home.ts'
import { parseBytes } from '../option-values.ts'

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

/** The options of `isthmus cache gc`. */
export interface GcOptions extends JsonOption {
  readonly olderThan?: string
  readonly keepStudy: readonly string[]
  readonly maxSize?: string
  readonly yes?: boolean
}

/** `isthmus cache gc`. */
export function gcCommand(options: GcOptions): Promise<void> {
  const { olderThan, keepStudy, maxSize } = options
  if (olderThan === undefined && keepStudy.length === 0 && maxSize === undefined) {
    throw new UserError(
      'cache gc needs to be told what may go: --older-than DAYS, --keep-study STUDY or --max-size SIZE',
    )
  }
  const rules = {
    ...(olderThan === undefined ? {} : { olderThanDays: parseDays(olderThan) }),
    ...(keepStudy.length === 0 ? {} : { names: keepStudy }),
    ...(maxSize === undefined ? {} : { maximumBytes: parseBytes('--max-size', maxSize) }),
  }
  return withCache(async (cache) => {
    const report = await collectGarbage(cache, { ...rules, dryRun: options.yes !== true })
    if (options.json === true) return printJson(report)
    const verb = options.yes === true ? 'removed' : 'would remove (add --yes to do it)'
    process.stdout.write(
      `${verb} ${report.records} results and ${report.blobs} files, ${formatBytes(report.bytes)}` +
        `${report.abandoned > 0 ? `, and unfinished work of ${report.abandoned} steps` : ''}; ` +
        `${report.keptRecords} results and ${formatBytes(report.keptBytes)} stay\n`,
    )
  })
}

/** `isthmus cache untag`. */
export function untagCommand(tag: string): Promise<void> {
  return withCache(async (cache) => {
    const studies = await cache.uses.untag(tag)
    if (studies > 0) {
      process.stdout.write(`let go of ${tag}, which kept what ${studies} ${studies === 1 ? 'study' : 'studies'} used\n`)
      return
    }
    const known = [...new Set(cache.uses.list().flatMap((use) => use.tag ?? []))]
    throw new UserError(`nothing has the tag '${tag}'; there are ${known.join(', ') || 'no tags'}`)
  })
}

function parseDays(given: string): number {
  const days = Number(given)
  if (days >= 0) return days
  throw new UserError(`--older-than ${given}: expected a number of days, as in --older-than 30`)
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

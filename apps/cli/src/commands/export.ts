import { exportMlflow, exportTables, tableFormats } from '@isthmus/export'
import type { Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { readResults } from '../home-results.ts'
import { writeWholeFolder } from '../write-whole-folder.ts'

/** The options of `isthmus export`. */
export interface ExportOptions {
  readonly format: string
  readonly out: string
  readonly study?: string
}

const countEvery = 1000

/** `isthmus export`: results as the files of other tools. */
export async function exportCommand(options: ExportOptions): Promise<void> {
  const { format, out, study } = options
  const table = tableFormats.find((known) => known === format)
  if (table === undefined && format !== 'mlflow') {
    throw new UserError(`--format ${format} is not known: give mlflow, ${tableFormats.join(' or ')}`)
  }
  await readResults(async (results) => {
    await assertKnown(results, study)
    await writeWholeFolder(out, `export-${format}`, async (folder) => {
      if (table !== undefined) {
        const names = await exportTables(results, folder, table, { study })
        process.stdout.write(`${out}: ${names.length} tables and views as ${table}\n`)
        return
      }
      const { experiments, runs } = await exportMlflow(results, folder, { study, location: out, onRun: showCount })
      process.stdout.write(
        `${out}: ${runs} runs in ${experiments} experiments; MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri ${out}\n`,
      )
    })
  })
}

function showCount(done: number, total: number): void {
  if (done % countEvery === 0) process.stderr.write(`${done} of ${total} runs\n`)
}

async function assertKnown(results: Results, study: string | undefined): Promise<void> {
  if (study === undefined) return
  const studies = await results.query<{ study: string }>('select distinct study from study_run order by study')
  if (studies.some((known) => known.study === study)) return
  const names = studies.map((known) => known.study).join(', ') || 'none'
  throw new UserError(`There are no results of a study '${study}': there are of ${names}`)
}

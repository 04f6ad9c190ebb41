import { openResults } from '@isthmus/results'
import packageJson from '../../package.json' with { type: 'json' }
import { cachedTensors } from '../cached-tensors.ts'
import { isthmusHome } from '../home.ts'
import { figureFile, reportPage } from '../report-page.ts'
import { ingestWaiting } from '../spool.ts'
import { type StudyReport, studyReport } from '../study-report.ts'
import { writeWholeFolder } from '../write-whole-folder.ts'

/** `isthmus report`: one page of studies with their tables and figures, and each figure as a file. */
export async function reportCommand(studies: readonly string[], options: { readonly out: string }): Promise<void> {
  await ingestWaiting()
  const reports = await readReports([...new Set(studies)])
  const files = new Map([['index.html', reportPage(reports, packageJson.version)]])
  for (const { study, figures } of reports) {
    for (const { name, drawn } of figures) files.set(figureFile(study, name), drawn.svg)
  }
  await writeWholeFolder(options.out, files)
  process.stdout.write(`${options.out}: index.html and ${files.size - 1} figures of ${studies.join(', ')}\n`)
}

async function readReports(studies: readonly string[]): Promise<StudyReport[]> {
  const home = isthmusHome()
  const results = await openResults(home.results, { readOnly: true })
  try {
    using tensors = await cachedTensors(home.cache)
    const reports: StudyReport[] = []
    for (const study of studies) reports.push(await studyReport(results, study, tensors))
    return reports
  } finally {
    await results.close()
  }
}

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { cachedTensors } from '../cached-tensors.ts'
import { isthmusHome } from '../home.ts'
import { readResults } from '../home-results.ts'
import { figureFile, reportPage } from '../report-page.ts'
import { type StudiesOfName, studiesOfName } from '../study-command.ts'
import { type StudyReport, studyReport } from '../study-report.ts'
import { writeWholeFolder } from '../write-whole-folder.ts'

/** `isthmus report`: one page of studies with their tables and figures, and each figure as a file. */
export async function reportCommand(names: readonly string[], options: { readonly out: string }): Promise<void> {
  const named = await Promise.all(names.map(studiesOfName))
  const studies = new Map(named.flatMap(({ studies }) => studies).map((one) => [one.study, one]))
  const reports = await readReports([...studies.values()])
  const title = names.length === 1 ? named[0]!.title : undefined
  const files = new Map([['index.html', reportPage(reports, packageJson.version, title)]])
  for (const { study, figures } of reports) {
    for (const { name, drawn } of figures) files.set(figureFile(study, name), drawn.svg)
  }
  await writeWholeFolder(options.out, 'report', async (folder) => {
    for (const [name, content] of files) await writeFile(join(folder, name), content)
  })
  process.stdout.write(
    `${options.out}: index.html and ${files.size - 1} figures of ${[...studies.keys()].join(', ')}\n`,
  )
}

function readReports(studies: StudiesOfName['studies']): Promise<StudyReport[]> {
  return readResults(async (results) => {
    using tensors = await cachedTensors(isthmusHome().cache)
    const reports: StudyReport[] = []
    for (const study of studies) reports.push(await studyReport(results, study, tensors))
    return reports
  })
}

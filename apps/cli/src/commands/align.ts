import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { writeFileAtomically } from '@isthmus/checkpoint'
import { openModels, type StudyModel } from '@isthmus/study'
import { type AlignOptions, alignPair } from '../align-pair.ts'
import { openSession } from '../session.ts'

/** `isthmus align`: the permutations of B into A's space, as a file that `isthmus merge --permutations` applies. */
export async function alignCommand(
  folderA: string,
  folderB: string,
  options: AlignOptions & { readonly out: string; readonly json?: boolean },
): Promise<void> {
  await using session = await openSession()
  const [a, b] = (await openModels(session.cache, [resolve(folderA), resolve(folderB)])) as [StudyModel, StudyModel]
  const { method, permutations, symmetry, maxAbsLogitDifference } = await alignPair(a, b, options, session)
  await writeFileAtomically(options.out, async (file) => file.writeFile(await readFile(permutations)))
  const report = { out: options.out, method, symmetry, maxAbsLogitDifference }
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${options.out}: ${b.name} into the space of ${a.name} by ${method}; function of ${b.name} ${symmetry}\n`,
  )
}

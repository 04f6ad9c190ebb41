import { resolve } from 'node:path'
import { type FolderModel, openModels } from '@isthmus/study'
import { type AlignOptions, alignModels } from '../align-models.ts'
import { savePermutations } from '../save-permutations.ts'
import { openSession } from '../session.ts'

/** `isthmus align`: the permutations of B into A's space, as a file that `apply` and `merge --permutations` read. */
export async function alignCommand(
  folderA: string,
  folderB: string,
  options: AlignOptions & { readonly out: string; readonly json?: boolean },
): Promise<void> {
  await using session = await openSession()
  const [a, b] = (await openModels(session.cache, [resolve(folderA), resolve(folderB)])) as [FolderModel, FolderModel]
  const [aligned] = await alignModels(a, [b], options, session)
  const { method, symmetry, maxAbsLogitDifference } = aligned!
  await savePermutations(options.out, a, aligned!)
  const report = { out: options.out, method, symmetry, maxAbsLogitDifference }
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${options.out}: ${b.name} into the space of ${a.name} by ${method}; function of ${b.name} ${symmetry}\n`,
  )
}

import { resolve } from 'node:path'
import { openModels } from '@isthmus/study'
import { alignedByFile } from '../align-models.ts'
import { alignedModelCard } from '../model-card.ts'
import { saveModels } from '../save-models.ts'
import { openSession } from '../session.ts'

/** `isthmus apply`: move a model by an alignment from a file, and write it as a Hugging Face folder. */
export async function applyCommand(
  file: string,
  folder: string,
  options: { readonly out: string; readonly overwrite?: boolean; readonly json?: boolean },
): Promise<void> {
  await using session = await openSession()
  const [model] = await openModels(session.cache, [resolve(folder)])
  const aligned = await alignedByFile(model!, file, session)
  const files = {
    'README.md': { content: alignedModelCard(aligned) },
    'permutations.safetensors': { path: resolve(file) },
  }
  await saveModels(options.out, [{ model: model!, aligned, weight: 1 }], files, options.overwrite === true)
  const { method, symmetry, maxAbsLogitDifference } = aligned
  const report = { out: options.out, method, symmetry, maxAbsLogitDifference }
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${options.out}: ${model!.name} moved by ${method}; its function is ${symmetry}` +
          ` (logits moved by ${maxAbsLogitDifference.toExponential(1)})\n`,
  )
}

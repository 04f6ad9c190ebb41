import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeFileAtomically } from '@isthmus/checkpoint'
import { listBooks } from '@isthmus/corpus'
import { UserError } from '@isthmus/tensor'
import { genreTask } from './genre-task.ts'
import { type MadeTask, shippedSeed } from './made-task.ts'
import { spamAssassinMails } from './spam-assassin.ts'
import { spamTask } from './spam-task.ts'
import { taskFiles } from './task-files.ts'

const datasets = join(import.meta.dirname, '../../../datasets')

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { check: { type: 'boolean', default: false }, archive: { type: 'string' } },
  })
  const makers: Readonly<Record<string, () => Promise<MadeTask>>> = {
    genre: async () => genreTask(await listBooks(join(datasets, 'books')), shippedSeed),
    spam: async () => spamTask(await spamAssassinMails(values.archive), shippedSeed),
  }
  for (const id of positionals.length === 0 ? Object.keys(makers) : positionals) {
    const make = makers[id]
    if (make === undefined) throw new UserError(`there is no task '${id}'; choose of ${Object.keys(makers).join(', ')}`)
    const files = taskFiles(await make())
    await (values.check ? compare(id, files) : write(id, files))
    const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    process.stdout.write(`${id}: ${bytes} bytes ${values.check ? 'as they ship' : 'written'}\n`)
  }
}

async function write(id: string, files: Readonly<Record<string, string>>): Promise<void> {
  const folder = join(datasets, 'tasks', id)
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    await writeFileAtomically(join(folder, name), (file) => file.writeFile(text))
  }
}

async function compare(id: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const shipped = await readFile(join(datasets, 'tasks', id, name), 'utf8')
    if (shipped === text) continue
    throw new UserError(`datasets/tasks/${id}/${name} is not what the program makes; run it without --check`)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof UserError ? error.message : String((error as Error).stack)}\n`)
  process.exitCode = error instanceof UserError ? 2 : 1
})

import { backupHome, type Copied, restoreHome } from '@isthmus/server'
import { isthmusHome } from '../home.ts'

const countEvery = 10_000
const onFile = (done: number, total: number) => {
  if (done % countEvery === 0) process.stderr.write(`${done} of ${total} files\n`)
}

/** `isthmus backup`: copy the home folder, also while it is served. */
export async function backupCommand(out: string): Promise<void> {
  const { directory } = isthmusHome()
  process.stdout.write(`${out}: ${describe(await backupHome(directory, out, { onFile }))} of ${directory}\n`)
}

/** `isthmus restore`: make the home folder of a backup. */
export async function restoreCommand(backup: string): Promise<void> {
  const { directory } = isthmusHome()
  process.stdout.write(`${directory}: ${describe(await restoreHome(backup, directory, { onFile }))} of ${backup}\n`)
}

function describe({ files, hasResults }: Copied): string {
  return `${files} files of the cache${hasResults ? ' and the results' : ''}`
}

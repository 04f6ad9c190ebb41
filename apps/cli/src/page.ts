import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The folder of the built page, which is built first where its sources have changed; undefined where there are none. */
export async function builtPage(): Promise<string | undefined> {
  // From dist/<digest>/ of this command.
  const builder = resolve(dirname(fileURLToPath(import.meta.url)), '../../../dashboard/bin/build.mjs')
  if (!existsSync(builder)) return undefined
  const { builtDashboard } = (await import(pathToFileURL(builder).href)) as { builtDashboard(): Promise<string> }
  return builtDashboard()
}

// Run by `isthmus` itself, so that a fresh clone needs no build step, and by `nx run cli:build`.
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildPrograms } from '@isthmus/build'

const application = dirname(dirname(fileURLToPath(import.meta.url)))

/** The URL of the built command, which is built first where the sources have changed. */
export async function builtProgram() {
  const folder = await buildPrograms({
    distribution: join(application, 'dist'),
    sources: [join(application, 'src'), join(application, '..', 'server', 'src')],
    programs: Object.fromEntries(
      ['main', 'worker', 'query'].map((name) => [name, join(application, 'src', `${name}.ts`)]),
    ),
  })
  return pathToFileURL(join(folder, 'main.mjs')).href
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${fileURLToPath(await builtProgram())}\n`)
}

// Builds the page into dist/<digest of its sources>/, where it stays until the sources change. Called by `isthmus serve`,
// so that a fresh clone needs no build step, and by `npm run build`.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const application = dirname(dirname(fileURLToPath(import.meta.url)))
const workspace = dirname(dirname(application))
const distribution = join(application, 'dist')
const day = 24 * 60 * 60 * 1000

/** The folder of the built page, which is built first where the sources have changed. */
export async function builtDashboard() {
  const folder = join(distribution, sourceDigest())
  if (!existsSync(join(folder, 'index.html'))) await build(folder)
  return folder
}

function sourceDigest() {
  const files = [
    ...['index.html', 'vite.config.ts', 'bin/build.mjs'].map((name) => join(application, name)),
    join(workspace, 'package-lock.json'),
    join(workspace, 'packages', 'results', 'src', 'leaderboard-query.ts'),
  ]
  for (const entry of readdirSync(join(application, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
  }
  const hash = createHash('sha256')
  for (const file of files.sort()) {
    if (existsSync(file))
      hash
        .update(`${file.slice(workspace.length)}\0`)
        .update(readFileSync(file))
        .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

async function build(folder) {
  const { build: bundle } = await import('vite')
  const temporary = `${folder}.${process.pid}`
  await bundle({
    configFile: join(application, 'vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: temporary, emptyOutDir: true },
  })
  try {
    renameSync(temporary, folder)
  } catch (error) {
    // Another process built the same sources in the meantime.
    rmSync(temporary, { recursive: true, force: true })
    if (!existsSync(join(folder, 'index.html'))) throw error
  }
  removeOldBuilds(folder)
}

/** Builds that nothing can be serving any more. */
function removeOldBuilds(current) {
  for (const name of readdirSync(distribution)) {
    const folder = join(distribution, name)
    if (folder !== current && Date.now() - statSync(folder).mtimeMs > day)
      rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${await builtDashboard()}\n`)
}

// Builds the command into dist/<digest of its sources>/, where it stays until the sources change. Run by
// `isthmus` itself when that folder is missing, so that a fresh clone needs no build step, and by `nx run cli:build`.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const application = dirname(dirname(fileURLToPath(import.meta.url)))
const workspace = dirname(dirname(application))
const distribution = join(application, 'dist')
const day = 24 * 60 * 60 * 1000

/** The URL of the built command, which is built first where the sources have changed. */
export async function builtProgram() {
  const folder = join(distribution, sourceDigest())
  if (!existsSync(join(folder, 'main.mjs'))) await build(folder)
  return pathToFileURL(join(folder, 'main.mjs')).href
}

function sourceDigest() {
  const hash = createHash('sha256')
  const files = [join(application, 'bin', 'build.mjs'), join(workspace, 'package-lock.json')]
  const folders = [
    ...['cli', 'server'].map((name) => join(workspace, 'apps', name, 'src')),
    ...readdirSync(join(workspace, 'packages')).map(packageSources),
  ]
  for (const folder of folders) {
    if (!existsSync(folder)) continue
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
    }
  }
  for (const file of files.sort()) {
    if (existsSync(file))
      hash
        .update(`${file.slice(workspace.length)}\0`)
        .update(readFileSync(file))
        .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

function packageSources(name) {
  return join(workspace, 'packages', name, 'src')
}

async function build(folder) {
  const { build: bundle } = await import('esbuild')
  const temporary = `${folder}.${process.pid}`
  await bundle({
    entryPoints: Object.fromEntries(
      ['main', 'worker', 'query'].map((name) => [name, join(application, 'src', `${name}.ts`)]),
    ),
    outdir: temporary,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'linked',
    external: [
      'onnxruntime-node',
      '@tensorflow/*',
      '@duckdb/node-api',
      'esbuild',
      'bullmq',
      'ioredis',
      'pino',
      '@aws-sdk/*',
    ],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'warning',
  })
  try {
    renameSync(temporary, folder)
  } catch (error) {
    // Another process built the same sources in the meantime.
    rmSync(temporary, { recursive: true, force: true })
    if (!existsSync(join(folder, 'main.mjs'))) throw error
  }
  removeOldBuilds(folder)
}

/** Builds that nothing can be running any more. */
function removeOldBuilds(current) {
  for (const name of readdirSync(distribution)) {
    const folder = join(distribution, name)
    if (folder !== current && Date.now() - statSync(folder).mtimeMs > day)
      rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${fileURLToPath(await builtProgram())}\n`)
}

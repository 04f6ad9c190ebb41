// JavaScript, since it builds the command from sources that nothing else can load yet; types are in index.d.mts.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const workspace = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
const day = 24 * 60 * 60 * 1000
const keptBuilds = 3
let builds = 0

/** Packages that are not put into a program: they bring native code, or find files beside their own. */
const external = [
  '@aws-sdk/*',
  '@duckdb/node-api',
  '@isthmus/build',
  '@isthmus/dashboard',
  '@tensorflow/*',
  'bullmq',
  'esbuild',
  'ioredis',
  'onnxruntime-node',
  'pino',
]

export async function buildOnce({ distribution, sources, build }) {
  const folder = join(distribution, digestOf([...sources, join(workspace, 'package-lock.json')]))
  if (existsSync(folder)) return folder
  builds += 1
  const temporary = `${folder}.${process.pid}-${builds}`
  try {
    await build(temporary)
    renameSync(temporary, folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    // Another process may have built the same sources in the meantime.
    if (!existsSync(folder)) throw error
  }
  removeOldBuilds(distribution, folder)
  return folder
}

export function buildPrograms({ distribution, sources, programs }) {
  return buildOnce({
    distribution,
    sources: [...sources, ...packageSources(), fileURLToPath(import.meta.url)],
    build: async (outdir) => {
      const { build } = await import('esbuild')
      await build({
        entryPoints: programs,
        outdir,
        outExtension: { '.js': '.mjs' },
        bundle: true,
        splitting: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        sourcemap: 'linked',
        external,
        banner: {
          js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
        },
        logLevel: 'warning',
      })
    },
  })
}

export async function buildTestPrograms(root, otherSources = []) {
  const folder = fileURLToPath(root)
  const programs = readdirSync(join(folder, 'test', 'programs')).filter((name) => name.endsWith('.ts'))
  const built = await buildPrograms({
    distribution: join(folder, 'dist'),
    sources: [join(folder, 'test'), ...otherSources.map(fileURLToPath)],
    programs: Object.fromEntries(programs.map((name) => [name.slice(0, -3), join(folder, 'test', 'programs', name)])),
  })
  return (name) => {
    if (!programs.includes(`${name}.ts`)) throw new Error(`There is no program ${name} in ${folder}test/programs`)
    return join(built, `${name}.mjs`)
  }
}

function packageSources() {
  return readdirSync(join(workspace, 'packages')).map((name) => join(workspace, 'packages', name, 'src'))
}

/** Of the names and the content of files and of all that is in folders; what is not there counts as that. */
function digestOf(sources) {
  const hash = createHash('sha256')
  for (const file of sources.flatMap(filesOf).sort()) {
    hash
      .update(`${relative(workspace, file)}\0`)
      .update(readFileSync(file))
      .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

function filesOf(source) {
  const stat = statSync(source, { throwIfNoEntry: false })
  if (stat === undefined) return []
  if (!stat.isDirectory()) return [source]
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Builds that nothing should be running any more: the youngest stay, of which a server may run the last but one. */
function removeOldBuilds(distribution, current) {
  const others = readdirSync(distribution)
    .map((name) => join(distribution, name))
    .filter((folder) => folder !== current)
    .map((folder) => ({ folder, built: statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.built - a.built)
  for (const { folder, built } of others.slice(keptBuilds)) {
    if (Date.now() - built > day) rmSync(folder, { recursive: true, force: true })
  }
}

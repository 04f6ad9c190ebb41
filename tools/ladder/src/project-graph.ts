import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One package of the workspace. */
export interface Project {
  /** nx's name. */
  readonly name: string
  /** Its folder, relative to the workspace. */
  readonly root: string
  /** The name that others import it by. */
  readonly packageName: string
  /** Names of the packages that its `package.json` declares. */
  readonly dependencies: readonly string[]
  readonly devDependencies: readonly string[]
}

/** The projects, and the edges that nx knows between them. */
export interface ProjectGraph {
  readonly projects: readonly Project[]
  /** By nx's names. */
  readonly edges: readonly { readonly source: string; readonly target: string }[]
  /** Tools of the whole repository, declared at its root, which tests and benches of any project may use. */
  readonly rootDevDependencies: readonly string[]
}

/** What `nx graph --file=graph.json` writes, as far as it is read here. */
export interface NxGraphFile {
  readonly graph: {
    readonly nodes: Readonly<Record<string, { readonly data: { readonly root: string } }>>
    readonly dependencies: Readonly<Record<string, readonly { readonly source: string; readonly target: string }[]>>
  }
}

/** Have nx write its graph of a workspace, and read it.
 *
 *  @throws when nx cannot make the graph; its own message is on stderr.
 */
export function readNxGraph(workspace: string): NxGraphFile {
  const folder = mkdtempSync(join(tmpdir(), 'ladder-'))
  try {
    const file = join(folder, 'graph.json')
    execFileSync(join(workspace, 'node_modules/.bin/nx'), ['graph', `--file=${file}`], {
      cwd: workspace,
      env: { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return JSON.parse(readFileSync(file, 'utf8')) as NxGraphFile
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Join nx's graph with what each `package.json` declares, since nx does not tell dependencies from devDependencies. */
export function projectGraph(workspace: string, { graph }: NxGraphFile): ProjectGraph {
  const projects = Object.entries(graph.nodes).map(([name, { data }]) => {
    const manifest = readManifest(join(workspace, data.root))
    return {
      name,
      root: data.root,
      packageName: manifest.name,
      dependencies: Object.keys(manifest.dependencies ?? {}),
      devDependencies: Object.keys(manifest.devDependencies ?? {}),
    }
  })
  return {
    projects,
    edges: Object.values(graph.dependencies).flat(),
    rootDevDependencies: Object.keys(readManifest(workspace).devDependencies ?? {}),
  }
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

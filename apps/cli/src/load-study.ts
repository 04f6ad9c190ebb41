import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FamilyDefinition, StudyCollection, StudyDefinition } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'

/** A study file, read. */
export interface LoadedStudy<Definition = StudyDefinition> {
  readonly definition: Definition
  readonly file: string
  /** What its paths are relative to: the folder that holds `experiments/`, or for a study elsewhere its own folder. */
  readonly base: string
}

/** The workspace that this command was built from: `dist/<digest>/` is three folders below `apps/`. */
export const workspace = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..')

/** Studies that are run as one: those of a collection, or a single one. */
export interface LoadedStudies {
  readonly kind: 'studies'
  readonly name: string
  readonly title: string
  readonly studies: readonly LoadedStudy[]
}

/** A family that is to be trained. */
export interface LoadedFamily extends LoadedStudy<FamilyDefinition> {
  readonly kind: 'family'
}

/** Find and read a study, the studies of a collection, or a family: a name under `experiments/` of the working folder or
 *  a parent, else of this workspace; or the path of a `.ts` or `.js` file, or of a folder with a `study.ts`.
 *
 *  @throws {UserError} when there is none, naming those that there are, or when a file exports no study.
 */
export async function loadStudies(name: string): Promise<LoadedStudies | LoadedFamily> {
  const file = await findStudy(name)
  const exported = await readDefault(file)
  if (isFamily(exported)) return { kind: 'family', ...placed(exported, file) }
  if (!isCollection(exported)) {
    const study = placed(exported, file)
    return { kind: 'studies', name: study.definition.name, title: study.definition.title, studies: [study] }
  }
  const studies: LoadedStudy[] = []
  for (const member of exported.studies) {
    const own = join(dirname(dirname(file)), member, 'study.ts')
    if (!existsSync(own)) throw new UserError(`${file} names a study '${member}', but there is no ${own}`)
    const definition = await readDefault(own)
    if (isCollection(definition)) throw new UserError(`${file} names '${member}', a collection: name its studies`)
    if (isFamily(definition)) {
      throw new UserError(`${file} names '${member}', a family: train it by itself, isthmus run ${member}`)
    }
    studies.push(placed(definition, own))
  }
  return { kind: 'studies', name: exported.name, title: exported.title, studies }
}

type Exported = StudyDefinition | StudyCollection | FamilyDefinition

async function readDefault(file: string): Promise<Exported> {
  const module = (await import(await compile(file))) as { default?: Exported }
  if (typeof module.default === 'object' && module.default !== null) return module.default
  throw new UserError(`${file} exports no study: write \`export default defineStudy({ … })\` in it`)
}

function isCollection(exported: Exported): exported is StudyCollection {
  return 'studies' in exported && Array.isArray(exported.studies)
}

function isFamily(exported: Exported): exported is FamilyDefinition {
  return 'kind' in exported && exported.kind === 'family'
}

function placed<Definition>(definition: Definition, file: string): LoadedStudy<Definition> {
  const folder = dirname(dirname(file))
  return { definition, file, base: folder.endsWith('experiments') ? dirname(folder) : dirname(file) }
}

/** Names of the studies that can be run by name. */
export async function listStudies(): Promise<string[]> {
  const names = new Set<string>()
  for (const folder of experimentFolders()) {
    for (const entry of await readdir(folder)) {
      if (existsSync(join(folder, entry, 'study.ts'))) names.add(entry)
    }
  }
  return [...names].sort()
}

async function findStudy(name: string): Promise<string> {
  const looksLikePath = isAbsolute(name) || /[/\\]|\.[cm]?[jt]s$/.test(name)
  const candidates = looksLikePath
    ? [resolve(name), join(resolve(name), 'study.ts')]
    : experimentFolders().map((folder) => join(folder, name, 'study.ts'))
  const found = candidates.find((path) => /\.[cm]?[jt]s$/.test(path) && existsSync(path))
  if (found !== undefined) return found
  if (looksLikePath) throw new UserError(`there is no study at ${resolve(name)}: name a study.ts or its folder`)
  throw new UserError(
    `there is no study '${name}': it would be experiments/${name}/study.ts; there are ${(await listStudies()).join(', ')}`,
  )
}

function experimentFolders(): string[] {
  const folders: string[] = []
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    folders.push(join(folder, 'experiments'))
    if (dirname(folder) === folder) break
  }
  return [...folders, join(workspace, 'experiments')].filter(existsSync)
}

/** A study file as a module that can be imported: bundled in memory, with `defineStudy` from this workspace. */
async function compile(file: string): Promise<string> {
  const { build } = await import('esbuild')
  try {
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      alias: { '@isthmus/study': join(workspace, 'packages/study/src/define-study.ts') },
      logLevel: 'silent',
    })
    return `data:text/javascript;base64,${Buffer.from(outputFiles[0]!.contents).toString('base64')}`
  } catch (cause) {
    throw new UserError(`${file} cannot be read as a study: ${(cause as Error).message}`, { cause })
  }
}

import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { rungOf } from './ladder.ts'
import type { Project, ProjectGraph } from './project-graph.ts'
import type { SourceImport } from './source-imports.ts'

/** Find what breaks the ladder.
 *
 *  Three rules: a project stands on a rung; it depends, by `package.json` and by import, only on projects of earlier
 *  rungs; and it declares what it imports, in `dependencies` unless the file is a test, a bench or a configuration.
 *  Both sources are needed, since nx draws its edges from `package.json` alone: an import that is not declared makes
 *  none, and would leave stale results in nx's cache.
 *  @param imports The imports of all projects' files.
 *  @param ladder The rungs, first to last.
 *  @returns One sentence for each violation, in the order of the graph's edges, then of the imports.
 */
export function checkLadder(
  graph: ProjectGraph,
  imports: readonly SourceImport[],
  ladder: readonly string[],
): readonly string[] {
  const height = (project: Project) => ladder.indexOf(rungOf(project.root))
  const unplaced = graph.projects.filter((project) => height(project) === -1)
  const violations = unplaced.map(
    ({ name, root }) =>
      `${root} holds the project ${name}, which has no rung: give it one in tools/ladder/src/ladder.ts.`,
  )
  const order = (from: Project, to: Project, dependence: string) => {
    if (height(from) === -1 || height(to) === -1 || height(to) < height(from)) return
    violations.push(
      `${dependence}, but ${from.packageName} may use only what stands before it on the ladder, ` +
        `and ${to.packageName} does not.`,
    )
  }
  const byName = new Map(graph.projects.map((project) => [project.name, project]))
  for (const { source, target } of graph.edges) {
    const [from, to] = [byName.get(source), byName.get(target)]
    if (from && to) order(from, to, `${from.root}/package.json depends on ${to.packageName}`)
  }
  for (const statement of imports) {
    const from = projectOfFile(graph, statement.file)
    if (!from) continue
    const to = importedProject(graph, statement)
    if (to && to !== from) order(from, to, `${statement.file} imports ${to.packageName}`)
    const undeclared = undeclaredImport(graph, from, to, statement)
    if (undeclared) violations.push(undeclared)
  }
  return violations
}

function projectOfFile({ projects }: ProjectGraph, file: string): Project | undefined {
  return projects.find(({ root }) => file.startsWith(`${root}/`))
}

/** The project of the workspace that an import reaches, by its name or by a path into its folder. */
function importedProject(graph: ProjectGraph, { file, specifier }: SourceImport): Project | undefined {
  if (specifier.startsWith('.')) return projectOfFile(graph, posix.join(posix.dirname(file), specifier))
  return graph.projects.find(({ packageName }) => packageName === packageOf(specifier))
}

/** The package of a specifier: `@scope/name/sub/path` is of `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function undeclaredImport(
  graph: ProjectGraph,
  from: Project,
  to: Project | undefined,
  { file, specifier }: SourceImport,
): string | undefined {
  if (to === from || isBuiltin(specifier)) return undefined
  if (specifier.startsWith('.')) {
    return to && `${file} reaches into ${to.root} by a path: import ${to.packageName} by its name.`
  }
  const name = packageOf(specifier)
  const forDevelopment = /^(test\/|bench\/|vitest\.config\.ts$)/.test(file.slice(from.root.length + 1))
  const declared = forDevelopment
    ? [...from.dependencies, ...from.devDependencies, ...graph.rootDevDependencies]
    : from.dependencies
  if (declared.includes(name)) return undefined
  const list = forDevelopment ? 'dependencies or devDependencies' : 'dependencies'
  return `${file} imports ${name}, which is not among the ${list} of ${from.root}/package.json: declare it there.`
}

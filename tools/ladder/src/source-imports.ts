import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** One import statement of one source file, static or dynamic. */
export interface SourceImport {
  /** Relative to the workspace, with forward slashes. */
  readonly file: string
  /** What is imported, as written. */
  readonly specifier: string
}

const sourceFile = /\.(ts|mts|cts|tsx|js|mjs|cjs|jsx)$/
const foldersWithoutSources = new Set(['node_modules', 'dist', 'coverage'])

/** Read the imports of every source file of a project, in the order of the files' names.
 *
 *  @param root The project's folder, relative to `workspace`.
 */
export function readSourceImports(workspace: string, root: string): SourceImport[] {
  const imports: SourceImport[] = []
  const entries = readdirSync(join(workspace, root), { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${root}/${entry.name}`
    if (entry.isDirectory() && !foldersWithoutSources.has(entry.name) && !entry.name.startsWith('.')) {
      imports.push(...readSourceImports(workspace, path))
    } else if (entry.isFile() && sourceFile.test(entry.name)) {
      const text = readFileSync(join(workspace, path), 'utf8')
      imports.push(...findImports(text).map((specifier) => ({ file: path, specifier })))
    }
  }
  return imports
}

/** The specifiers that a source text imports, exports from, requires, or imports dynamically by a literal. */
export function findImports(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
}

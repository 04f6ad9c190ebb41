import { fileURLToPath } from 'node:url'
import { checkLadder } from './check-ladder.ts'
import { ladder } from './ladder.ts'
import { projectGraph, readNxGraph } from './project-graph.ts'
import { readSourceImports } from './source-imports.ts'

const workspace = fileURLToPath(new URL('../../..', import.meta.url))
const graph = projectGraph(workspace, readNxGraph(workspace))
const imports = graph.projects.flatMap(({ root }) => readSourceImports(workspace, root))
const violations = checkLadder(graph, imports, ladder)
for (const violation of violations) console.error(violation)
if (violations.length > 0) process.exitCode = 1
else console.log(`${graph.projects.length} projects with ${imports.length} imports keep to the ladder.`)

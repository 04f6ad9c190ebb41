import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { checkLadder } from '../src/check-ladder.ts'
import { ladder } from '../src/ladder.ts'
import { type NxGraphFile, type ProjectGraph, projectGraph, readNxGraph } from '../src/project-graph.ts'
import { findImports, readSourceImports } from '../src/source-imports.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

function check(workspace: string, nxGraph: NxGraphFile): readonly string[] {
  const graph: ProjectGraph = projectGraph(workspace, nxGraph)
  const imports = graph.projects.flatMap(({ root }) => readSourceImports(workspace, root))
  return checkLadder(graph, imports, ladder)
}

interface FixtureProject {
  readonly dependencies?: readonly string[]
  readonly devDependencies?: readonly string[]
  readonly files: Readonly<Record<string, string>>
}

/** Write a workspace of these projects, by their folders, and check it with the graph that nx would draw. */
function checkFixture(projects: Readonly<Record<string, FixtureProject>>): readonly string[] {
  const workspace = mkdtempSync(join(tmpdir(), 'ladder-fixture-'))
  folders.push(workspace)
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(workspace, path)), { recursive: true })
    writeFileSync(join(workspace, path), text)
  }
  const versions = (names: readonly string[] = []) => Object.fromEntries(names.map((name) => [name, '*']))
  const nameOf = (root: string) => root.slice(root.indexOf('/') + 1)
  write('package.json', JSON.stringify({ name: 'fixture', devDependencies: { vitest: '*' } }))
  const graph: NxGraphFile['graph'] = { nodes: {}, dependencies: {} }
  for (const [root, { dependencies = [], devDependencies = [], files }] of Object.entries(projects)) {
    const manifest = {
      name: `@isthmus/${nameOf(root)}`,
      dependencies: versions(dependencies),
      devDependencies: versions(devDependencies),
    }
    write(`${root}/package.json`, JSON.stringify(manifest))
    for (const [path, text] of Object.entries(files)) write(`${root}/${path}`, text)
    Object.assign(graph.nodes, { [nameOf(root)]: { data: { root } } })
    const targets = [...dependencies, ...devDependencies].filter((name) => name.startsWith('@isthmus/'))
    const edges = targets.map((target) => ({ source: nameOf(root), target: nameOf(target) }))
    Object.assign(graph.dependencies, { [nameOf(root)]: edges })
  }
  return check(workspace, { graph })
}

const study: FixtureProject = { files: { 'src/index.ts': 'export const study = 1\n' } }

describe('the ladder', () => {
  it('is kept by this repository', () => {
    const workspace = fileURLToPath(new URL('../../..', import.meta.url))
    const graph = readNxGraph(workspace)
    expect(Object.keys(graph.graph.nodes)).toEqual(expect.arrayContaining(['tensor', 'study', 'ladder', 'verify']))
    expect(check(workspace, graph)).toEqual([])
  })

  it('lets packages use what stands before them, and tests use devDependencies', () => {
    const violations = checkFixture({
      'packages/tensor': { files: { 'src/index.ts': "import { readFileSync } from 'node:fs'\n" } },
      'packages/model': {
        dependencies: ['@isthmus/tensor', 'zod'],
        devDependencies: ['@isthmus/assignment'],
        files: {
          'src/index.ts':
            "import { z } from 'zod'\nimport { Tensor } from '@isthmus/tensor'\nexport * from './bert.ts'\n",
          'src/bert.ts': "// import '@isthmus/study'\nexport const text = 'from \"@isthmus/study\"'\n",
          'test/model.test.ts': "import 'vitest'\nimport '@isthmus/assignment'\nimport '../src/index.ts'\n",
        },
      },
      'packages/assignment': { files: { 'src/index.ts': 'export {}\n' } },
      'apps/cli': { dependencies: ['@isthmus/model'], files: { 'bin/main.mjs': "await import('@isthmus/model')\n" } },
    })
    expect(violations).toEqual([])
  })

  it('names file and packages of an upward import, declared or not', () => {
    const source = { 'src/lerp.ts': "import { study } from '@isthmus/study'\nexport const lerp = study\n" }
    const upward =
      'packages/tensor/src/lerp.ts imports @isthmus/study, but @isthmus/tensor may use only what stands before it on ' +
      'the ladder, and @isthmus/study does not.'
    expect(
      checkFixture({
        'packages/tensor': { dependencies: ['@isthmus/study'], files: source },
        'packages/study': study,
      }),
    ).toEqual([upward.replace('src/lerp.ts imports', 'package.json depends on'), upward])
    expect(checkFixture({ 'packages/tensor': { files: source }, 'packages/study': study })).toContain(upward)
  })

  it('counts upward imports of tests, and of types', () => {
    const violations = checkFixture({
      'packages/tensor': {
        devDependencies: ['@isthmus/study'],
        files: { 'test/lerp.test.ts': "import type { Study } from '@isthmus/study'\n" },
      },
      'packages/study': study,
    })
    expect(violations).toHaveLength(2)
    expect(violations[1]).toContain('packages/tensor/test/lerp.test.ts imports @isthmus/study')
  })

  it('refuses an import that package.json does not declare', () => {
    const violations = checkFixture({
      'packages/tensor': { files: { 'src/index.ts': 'export {}\n' } },
      'packages/study': {
        devDependencies: ['fast-check'],
        files: {
          'src/plan.ts': "export { tensor } from '@isthmus/tensor'\nimport fc from 'fast-check'\n",
          'test/plan.test.ts': "import pino from 'pino'\n",
        },
      },
    })
    expect(violations).toEqual([
      'packages/study/src/plan.ts imports @isthmus/tensor, which is not among the dependencies of ' +
        'packages/study/package.json: declare it there.',
      'packages/study/src/plan.ts imports fast-check, which is not among the dependencies of ' +
        'packages/study/package.json: declare it there.',
      'packages/study/test/plan.test.ts imports pino, which is not among the dependencies or devDependencies of ' +
        'packages/study/package.json: declare it there.',
    ])
  })

  it('refuses a path into another package', () => {
    const violations = checkFixture({
      'packages/tensor': { files: { 'src/index.ts': 'export {}\n' } },
      'packages/study': { files: { 'src/plan.ts': "import '../../tensor/src/index.ts'\n" } },
    })
    expect(violations).toEqual([
      'packages/study/src/plan.ts reaches into packages/tensor by a path: import @isthmus/tensor by its name.',
    ])
  })

  it('wants every project on a rung', () => {
    expect(checkFixture({ 'packages/novel': { files: {} } })).toEqual([
      'packages/novel holds the project novel, which has no rung: give it one in tools/ladder/src/ladder.ts.',
    ])
  })
})

describe('findImports', () => {
  it('finds every form of import', () => {
    const text = [
      "import a from 'a'",
      "import type { B } from 'b'",
      "export * from 'c'",
      "const d = await import('d')",
      "const e = require('e')",
      "// import 'f'",
      "const g = `import 'g'`",
    ].join('\n')
    expect(findImports(text)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })
})

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isthmus, small, temporaryFolder } from './run-isthmus.ts'

let home: string
const settings = small.filter((setting) => !setting.startsWith('methods')).flatMap((setting) => ['--set', setting])
const paths = ['family=datasets/models', 'books=datasets/books', 'wikitext=datasets/wiki/wiki.valid.raw']
const set = [...settings, ...paths.flatMap((path) => ['--set', path])]

beforeAll(() => {
  home = temporaryFolder()
  writeStudy('plain', "defineStudy({ name: 'plain', title: 'Plain', methods: ['vanilla'] })")
  writeStudy(
    'matched',
    "defineStudy({ name: 'matched', title: 'Matched', methods: ['vanilla', 'ffn'], figures: ['barriers'] })",
  )
  writeStudy('both', "defineCollection({ name: 'both', title: 'Both together', studies: ['plain', 'matched'] })")
  writeStudy('gap', "defineCollection({ name: 'gap', title: 'A gap', studies: ['plain', 'absent'] })")
  writeStudy('nested', "defineCollection({ name: 'nested', title: 'Nested', studies: ['both'] })")
})

afterAll(() => rmSync(home, { recursive: true }))

it('runs the studies of a collection as one graph, and says what sharing saved', async () => {
  const { code, stderr, stdout } = await isthmus(home, 'run', study('both'), ...set)
  expect(stderr).toMatch(/^both: Both together\n/)
  // Apart: 3 points each of three curves, and the two captures of ffn. Together: 2 endpoints, one point each of the two
  // methods, 2 captures.
  expect(stderr).toMatch(
    /\n6 forward passes over a text, where every curve by itself would take 11: 5 saved by sharing\n/,
  )
  expect(code).toBe(0)
  expect(stdout).toMatch(/\nplain: Plain\n[\s\S]*\nmatched: Matched\n[\s\S]*│ ffn /)
  const alone = await isthmus(home, 'run', study('plain'), ...set)
  expect(alone.stderr).toMatch(/steps: 0 computed/)
})

it('counts the steps of each study by itself', async () => {
  const query = 'select study, nodes_ran + nodes_cached as steps, nodes_failed from study_run order by 1, 2'
  const { stdout } = await isthmus(home, 'sql', query, '--format', 'json')
  const steps = Object.fromEntries(JSON.parse(stdout).map((row: { study: string; steps: number }) => [row.study, row]))
  expect(Object.keys(steps)).toEqual(['matched', 'plain'])
  expect(steps.matched.steps).toBeGreaterThan(steps.plain.steps)
  expect(steps.plain).toMatchObject({ nodes_failed: 0 })
})

it('gives one JSON document of all', async () => {
  const { stdout } = await isthmus(home, 'run', study('both'), '--json', ...set)
  const { collection, studies, forwardPasses } = JSON.parse(stdout)
  expect(collection).toBe('both')
  expect(studies.map((one: { study: string }) => one.study)).toEqual(['plain', 'matched'])
  expect(forwardPasses).toEqual({ distinct: 6, unshared: 11 })
})

it('plans all of them', async () => {
  const { stdout } = await isthmus(home, 'plan', study('both'), ...set)
  expect(stdout).toMatch(/, 0 to compute\n$/)
})

it('reports the studies under the title of the collection, each with the figures that it names', async () => {
  const out = join(home, 'report')
  const { stdout } = await isthmus(home, 'report', study('both'), '--out', out)
  expect(stdout).toContain('of plain, matched')
  expect(readFileSync(join(out, 'index.html'), 'utf8')).toContain('<h1>Both together</h1>')
  expect(existsSync(join(out, 'matched-barriers.svg'))).toBe(true)
  expect(existsSync(join(out, 'matched-loss-curves.svg'))).toBe(false)
})

it.each([
  ['gap', /names a study 'absent', but there is no .*absent.study\.ts\n$/],
  ['nested', /names 'both', a collection: name its studies\n$/],
])('refuses the collection %s with a sentence', async (name, sentence) => {
  const { code, stderr } = await isthmus(home, 'run', study(name))
  expect(code).toBe(2)
  expect(stderr).toMatch(sentence)
})

function study(name: string): string {
  return join(home, 'experiments', name)
}

function writeStudy(name: string, definition: string): void {
  mkdirSync(study(name), { recursive: true })
  const imports = `import { defineCollection, defineStudy } from '@isthmus/study'\nvoid [defineCollection, defineStudy]\n`
  writeFileSync(join(study(name), 'study.ts'), `${imports}export default ${definition}\n`)
}

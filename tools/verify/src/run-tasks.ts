import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProjectTests, TaskOutcome, VitestReport } from './sum-tests.ts'

const targets = 'build,typecheck,lint,test'

/** A project with a `test` target. */
export interface TestedProject {
  readonly project: string
  /** Where its `test` target writes vitest's report. */
  readonly reportFile: string
}

/** The projects of a workspace that have a `test` target, in the order of their names. */
export async function testedProjects(workspace: string): Promise<TestedProject[]> {
  const folder = mkdtempSync(join(tmpdir(), 'verify-'))
  try {
    const file = join(folder, 'graph.json')
    const exitCode = await nx(workspace, ['graph', `--file=${file}`], 'ignore')
    if (exitCode !== 0) throw new Error(`nx graph ended with ${exitCode}, so the projects to test are not known`)
    const { graph } = JSON.parse(readFileSync(file, 'utf8')) as NxGraphFile
    return Object.entries(graph.nodes)
      .filter(([, { data }]) => data.targets.test)
      .map(([project, { data }]) => ({ project, reportFile: join(workspace, data.root, 'test-report.json') }))
      .sort((a, b) => (a.project < b.project ? -1 : 1))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface NxGraphFile {
  readonly graph: {
    readonly nodes: Readonly<
      Record<string, { readonly data: { readonly root: string; readonly targets: Readonly<Record<string, unknown>> } }>
    >
  }
}

/** Build, check and test every project, streaming what nx prints.
 *
 *  Reports and task outcomes of earlier runs are deleted first. nx restores the report of a test target that it takes
 *  from its cache, which holds successes only, so that a report found afterwards belongs to this very source.
 *  @returns nx's exit code, and the outcome of each task: none where nx ended before it ran any.
 */
export async function runTasks(
  workspace: string,
  projects: readonly TestedProject[],
): Promise<{ exitCode: number | null; tasks: readonly TaskOutcome[] }> {
  const outcomes = join(workspace, cacheDirectory, 'run.json')
  for (const file of [outcomes, ...projects.map(({ reportFile }) => reportFile)]) rmSync(file, { force: true })
  const options = ['--parallel=2', '--output-style=static']
  const exitCode = await nx(workspace, ['run-many', '-t', targets, ...options], 'inherit')
  if (!existsSync(outcomes)) return { exitCode, tasks: [] }
  const { tasks } = JSON.parse(readFileSync(outcomes, 'utf8')) as { tasks: readonly TaskOutcome[] }
  return { exitCode, tasks }
}

/** Read the reports that a run left. A report that is no JSON counts as none: the run broke off while writing it. */
export function readReports(projects: readonly TestedProject[]): ProjectTests[] {
  return projects.map(({ project, reportFile }) => ({ project, report: readReport(reportFile) }))
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  } catch {
    return undefined
  }
}

/** nx's cache, inside the checkout, so that a fresh clone never takes results from another. */
const cacheDirectory = '.nx/cache'

/** Run nx with no prompt, no daemon and no network; its errors are always shown. */
function nx(workspace: string, args: readonly string[], stdout: 'inherit' | 'ignore'): Promise<number | null> {
  const env = {
    ...process.env,
    NX_CACHE_DIRECTORY: cacheDirectory,
    NX_DAEMON: 'false',
    NX_INTERACTIVE: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
  }
  return new Promise((resolve, reject) => {
    const child = spawn(join(workspace, 'node_modules/.bin/nx'), args, {
      cwd: workspace,
      env,
      stdio: ['ignore', stdout, 'inherit'],
    })
    child.on('error', reject)
    child.on('close', resolve)
  })
}

import { basename } from 'node:path'

/** What vitest's JSON reporter writes, as far as it is read here. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  /** Tests that were skipped. */
  readonly numPendingTests: number
  readonly numTodoTests: number
  /** False also where a file could not be loaded, though no test of it failed. */
  readonly success: boolean
  readonly testResults: readonly TestFile[]
}

/** One file of tests, as far as it is read here. */
export interface TestFile {
  /** Its path. */
  readonly name: string
  /** Of the file itself: why it could not be loaded. */
  readonly message: string
  readonly assertionResults: readonly {
    readonly fullName: string
    readonly status: string
    /** Each with its stack. */
    readonly failureMessages: readonly string[]
  }[]
}

/** One project with a `test` target, and the report of its run: undefined where there is none. */
export interface ProjectTests {
  readonly project: string
  readonly report: VitestReport | undefined
}

/** One task that nx ran or took from its cache. */
export interface TaskOutcome {
  readonly projectName: string
  readonly target: string
  /** 0 where it succeeded. */
  readonly status: number
}

/** The sum of a whole run. */
export interface Verdict {
  readonly passed: number
  /** Failed tests, and one for everything in `faults`. */
  readonly failed: number
  readonly skipped: number
  /** One sentence for each failure that no test counts. */
  readonly faults: readonly string[]
}

/** Sum the tests of all projects, counting as one failure each whatever went wrong beside them.
 *
 *  That is: a failed task that is no test; a `test` target that failed though its report has no failed test (a file
 *  that cannot be loaded, a crash); a project whose tests left no report, or ran no test at all; and a run that nx
 *  itself gave up, which leaves a bad exit code and no failed task.
 *  @param exitCode Of nx: null where a signal ended it.
 */
export function sumTests(
  projects: readonly ProjectTests[],
  tasks: readonly TaskOutcome[],
  exitCode: number | null,
): Verdict {
  const failedTasks = tasks.filter(({ status }) => status !== 0)
  const faults = failedTasks
    .filter(({ target }) => target !== 'test')
    .map(({ projectName, target }) => `${projectName}: ${target} failed.`)
  for (const { project, report } of projects) {
    const taskFailed = failedTasks.some(({ projectName, target }) => projectName === project && target === 'test')
    if (!report) faults.push(`${project}: its tests left no report.`)
    else if (report.numPassedTests + report.numFailedTests === 0) faults.push(`${project}: no test ran.`)
    else if (report.numFailedTests === 0 && (taskFailed || !report.success)) {
      faults.push(`${project}: its tests ended in an error outside a test.`)
    }
  }
  const sum = (count: (report: VitestReport) => number) =>
    projects.reduce((total, { report }) => total + (report ? count(report) : 0), 0)
  const failedTests = sum((report) => report.numFailedTests)
  if (exitCode !== 0 && faults.length + failedTests === 0) {
    faults.push(`nx ended with ${exitCode === null ? 'a signal' : `exit code ${exitCode}`}, though no task failed.`)
  }
  return {
    passed: sum((report) => report.numPassedTests),
    failed: failedTests + faults.length,
    skipped: sum((report) => report.numPendingTests + report.numTodoTests),
    faults,
  }
}

/** Every failed test with its project, file and error, and every file that failed by itself: what a long log hides.
 *
 *  @returns A paragraph for each.
 */
export function describeFailures(projects: readonly ProjectTests[]): string[] {
  return projects.flatMap(({ project, report }) =>
    (report?.testResults ?? []).flatMap(({ name, message, assertionResults }) => {
      const file = `${project}: ${basename(name)}`
      const failed = assertionResults.filter(({ status }) => status === 'failed')
      return [
        ...(message === '' ? [] : [`${file}\n${indented(message)}`]),
        ...failed.map((test) => `${file}: ${test.fullName}\n${indented(test.failureMessages.join('\n'))}`),
      ]
    }),
  )
}

const shownLines = 20

function indented(text: string): string {
  return text
    .split('\n')
    .slice(0, shownLines)
    .map((line) => `    ${line}`)
    .join('\n')
}

/** The last line of a run: `N passed, N failed`, and `, N skipped` where tests were. */
export function verdictLine({ passed, failed, skipped }: Verdict): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readReports } from '../src/run-tasks.ts'
import { describeFailures, sumTests, type VitestReport, verdictLine } from '../src/sum-tests.ts'

function report(passed: number, failed = 0, pending = 0, todo = 0): VitestReport {
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: todo,
    success: failed === 0,
    testResults: [],
  }
}

const task = (projectName: string, target: string, status = 0) => ({ projectName, target, status })

describe('describeFailures', () => {
  it('names failed tests with their errors, and files that could not be loaded', () => {
    const results = (
      message: string,
      ...assertionResults: VitestReport['testResults'][number]['assertionResults']
    ) => ({
      ...report(1, 1),
      testResults: [{ name: '/somewhere/test/a.test.ts', message, assertionResults }],
    })
    const passed = { fullName: 'adds', status: 'passed', failureMessages: [] }
    const failed = { fullName: 'divides', status: 'failed', failureMessages: ['Error: by zero\n    at divide.ts:1:2'] }
    const failures = describeFailures([
      { project: 'tensor', report: results('', passed, failed) },
      { project: 'model', report: results('Cannot find b.ts') },
      { project: 'study', report: undefined },
    ])
    expect(failures).toEqual([
      'tensor: a.test.ts: divides\n    Error: by zero\n        at divide.ts:1:2',
      'model: a.test.ts\n    Cannot find b.ts',
    ])
  })
})

describe('sumTests', () => {
  it('sums over projects', () => {
    const projects = [
      { project: 'tensor', report: report(12) },
      { project: 'model', report: report(30) },
    ]
    const verdict = sumTests(projects, [task('tensor', 'test'), task('model', 'lint')], 0)
    expect(verdict).toEqual({ passed: 42, failed: 0, skipped: 0, faults: [] })
    expect(verdictLine(verdict)).toBe('42 passed, 0 failed')
  })

  it('tells skipped and unwritten tests apart from passed ones', () => {
    const verdict = sumTests([{ project: 'tensor', report: report(3, 0, 2, 1) }], [], 0)
    expect(verdictLine(verdict)).toBe('3 passed, 0 failed, 3 skipped')
  })

  it('counts failed tests once, not again for their task', () => {
    const verdict = sumTests([{ project: 'tensor', report: report(3, 2) }], [task('tensor', 'test', 1)], 1)
    expect(verdict).toEqual({ passed: 3, failed: 2, skipped: 0, faults: [] })
    expect(verdictLine(verdict)).toBe('3 passed, 2 failed')
  })

  it('counts and names failed builds, type checks and lints', () => {
    const tasks = [task('cli', 'build', 1), task('tensor', 'typecheck', 2), task('tensor', 'lint', 1)]
    const verdict = sumTests([{ project: 'tensor', report: report(3) }], tasks, 1)
    expect(verdict.faults).toEqual(['cli: build failed.', 'tensor: typecheck failed.', 'tensor: lint failed.'])
    expect(verdictLine(verdict)).toBe('3 passed, 3 failed')
  })

  it('notices tests that did not run', () => {
    const projects = [
      { project: 'model', report: undefined },
      { project: 'study', report: report(0) },
      { project: 'tensor', report: report(0, 0, 4) },
    ]
    const verdict = sumTests(projects, [], 0)
    expect(verdict.faults).toEqual(['model: its tests left no report.', 'study: no test ran.', 'tensor: no test ran.'])
    expect(verdictLine(verdict)).toBe('0 passed, 3 failed, 4 skipped')
  })

  it('notices a test file that could not be loaded, and a crash after the tests', () => {
    const projects = [
      { project: 'model', report: { ...report(5), success: false } },
      { project: 'tensor', report: report(7) },
    ]
    expect(sumTests(projects, [task('tensor', 'test', 1)], 1).faults).toEqual([
      'model: its tests ended in an error outside a test.',
      'tensor: its tests ended in an error outside a test.',
    ])
  })

  it('does not pass a run that nx gave up', () => {
    const projects = [{ project: 'tensor', report: report(7) }]
    expect(sumTests(projects, [], 1).faults).toEqual(['nx ended with exit code 1, though no task failed.'])
    expect(sumTests(projects, [], null).faults).toEqual(['nx ended with a signal, though no task failed.'])
  })
})

describe('readReports', () => {
  it('takes a missing or broken report for none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'verify-test-'))
    const projects = ['whole', 'broken', 'missing'].map((project) => ({ project, reportFile: join(folder, project) }))
    writeFileSync(join(folder, 'whole'), JSON.stringify(report(2)))
    writeFileSync(join(folder, 'broken'), '{"numPassedTests": 2,')
    const reports = readReports(projects)
    rmSync(folder, { recursive: true })
    expect(reports).toEqual([
      { project: 'whole', report: report(2) },
      { project: 'broken', report: undefined },
      { project: 'missing', report: undefined },
    ])
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readJobLog } from '../src/job-log.ts'
import { slope } from '../src/long-run.ts'

function logOf(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-jobs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'log'), lines.map((line) => `${line}\n`).join(''))
  return join(folder, 'log')
}

it('tells jobs that overlap from such as follow each other', () => {
  const log = readJobLog(logOf(['begin a 11 1', 'begin b 21 2', 'end a 11 1', 'begin a 21 2', 'begin b 11 1']))
  expect(log.overlapping).toEqual(['b'])
  expect([...log.begun]).toEqual([
    ['a', [1, 2]],
    ['b', [2, 1]],
  ])
  expect([...log.ended]).toEqual([[1, 1]])
})

it('lets others go on with what a killed run had begun', () => {
  const path = logOf(['begin a 11 1', 'begin a 21 2'])
  expect(readJobLog(path, [1]).overlapping).toEqual([])
  expect(readJobLog(path).overlapping).toEqual(['a'])
})

it('fits a line', () => {
  expect(slope([1, 2, 5, 9].map((x) => [x, 3 - 2 * x]))).toBeCloseTo(-2, 12)
})

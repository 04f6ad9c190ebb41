import { fileURLToPath } from 'node:url'
import { readReports, runTasks, testedProjects } from './run-tasks.ts'
import { describeFailures, sumTests, verdictLine } from './sum-tests.ts'

const workspace = fileURLToPath(new URL('../../..', import.meta.url))
const projects = await testedProjects(workspace)
const { exitCode, tasks } = await runTasks(workspace, projects)
const reports = readReports(projects)
const verdict = sumTests(reports, tasks, exitCode)
for (const failure of describeFailures(reports)) console.log(failure)
for (const fault of verdict.faults) console.log(fault)
console.log(verdictLine(verdict))
if (verdict.failed > 0 || verdict.passed === 0) process.exitCode = 1

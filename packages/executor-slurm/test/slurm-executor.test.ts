import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineOperation, WorkerLostError } from '@isthmus/dataflow'
import { echo, runDummies, temporaryDirectory } from '@isthmus/dataflow/executor-contract'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runJobFile, slurmExecutor } from '../src/index.ts'
import { memoryRequest } from '../src/task.ts'
import { endingOf } from '../src/task-state.ts'
import { slurmBench } from './slurm-bench.ts'

const costly = defineOperation({ ...echo, cost: ({ say }) => ({ memoryBytes: Number(say) * 2 ** 30 }) })

/** Against a fake of Slurm's commands: see `fake-slurm.mjs`. */
describe('slurmExecutor', () => {
  it('submits what comes up within a moment as one array for each amount of memory', async () => {
    const { cache, executor, events, submitted } = await slurmBench({ batchSeconds: 0.3 })
    const targets = [1, 1.01, 1.02, 40].map((say) => costly.node({}, { say }))
    const { result } = await runDummies(cache, targets, { executor })
    expect(result.counts).toMatchObject({ ran: 4, failed: 0 })
    expect(events.filter(({ type }) => type === 'submitted')).toHaveLength(3)
    const asked = submitted().map(({ memory }) => memory)
    expect(asked).toEqual(['1024M', '1280M', '1280M', '40960M'])
    expect(readdirSync(join(cache.directory, 'slurm'))).toEqual([])
  })

  it('keeps arrays within the size that is allowed', async () => {
    const { cache, executor, submitted } = await slurmBench({ batchSeconds: 0.3, maximumArray: 2 })
    const targets = [1, 2, 3].map((say) => echo.node({}, { say }))
    const { result } = await runDummies(cache, targets, { executor })
    expect(result.counts).toMatchObject({ ran: 3 })
    expect(submitted().map(({ id }) => id)).toEqual(['101_0', '101_1', '102_0'])
  })

  it.each(['NODE_FAIL', 'PREEMPTED', 'FAILED'])('tries again what ended as %s, and tells why', async (state) => {
    const { cache, executor, events, decide } = await slurmBench()
    decide(state)
    const target = echo.node({}, { say: state }, { label: 'unlucky' })
    const { result } = await runDummies(cache, [target], { executor })
    expect(result.artifact(target).value).toBe(state)
    const retried = events.filter(({ type }) => type === 'retried')
    expect(retried).toMatchObject([{ label: 'unlucky', cause: { message: expect.stringContaining('unlucky') } }])
  })

  it('asks for twice the memory after it ran out, and in the end says so', async () => {
    const { cache, executor, decide, submitted } = await slurmBench()
    decide('OUT_OF_MEMORY', 'OUT_OF_MEMORY', 'OUT_OF_MEMORY')
    const target = costly.node({}, { say: 2 }, { label: 'large' })
    const { result } = await runDummies(cache, [target], { executor })
    expect(submitted().map(({ memory }) => memory)).toEqual(['2048M', '4096M', '8192M'])
    expect(result.failures[0]?.error).toBeInstanceOf(WorkerLostError)
    expect(result.failures[0]?.error.message).toBe(
      "The task that ran 'large' ran out of memory, after 3 tries: it was tried with more each time; ask for more " +
        'memory by an option of sbatch.',
    )
  })

  it.each([
    ['TIMEOUT', "The task that ran 'slow' reached its limit of time: raise it by the option --time of sbatch."],
    ['CANCELLED', "The task that ran 'slow' was cancelled in Slurm: run it again."],
  ])('leaves what ended as %s to the user', async (state, message) => {
    const { cache, executor, decide, submitted } = await slurmBench()
    decide(state)
    const { result } = await runDummies(cache, [echo.node({}, { say: 1 }, { label: 'slow' })], { executor })
    expect(result.failures[0]?.error).toBeInstanceOf(UserError)
    expect(result.failures[0]?.error.message).toBe(message)
    expect(submitted()).toHaveLength(1)
  })

  it('keeps what a task wrote that never began, as the cause', async () => {
    const { cache, executor } = await slurmBench({ command: ['/bin/sh', '-c', 'echo no such module >&2; exit 3'] })
    const { result } = await runDummies(cache, [echo.node({}, { say: 1 })], { executor })
    expect(result.failures[0]?.error).toBeInstanceOf(WorkerLostError)
    expect(result.failures[0]?.error.cause).toMatchObject({ message: 'no such module' })
  })

  it('needs no accounting', async () => {
    const { cache, executor, slurm, decide, events } = await slurmBench()
    writeFileSync(join(slurm, 'no-accounting'), '')
    decide('NODE_FAIL')
    const target = echo.node({}, { say: 1 })
    const { result } = await runDummies(cache, [target], { executor })
    expect(result.artifact(target).value).toBe(1)
    expect(events.some(({ type }) => type === 'unanswered')).toBe(true)
  })

  it('says when there is no Slurm', async () => {
    const directory = temporaryDirectory()
    const { PATH } = process.env
    process.env.PATH = directory
    onTestFinished(() => {
      process.env.PATH = PATH
    })
    const made = slurmExecutor({ cacheDirectory: directory, command: ['true'] })
    await expect(made).rejects.toThrow(/^There is no Slurm on this machine/)
    expect(existsSync(join(directory, 'slurm'))).toBe(false)
  })
})

describe('runJobFile', () => {
  it('says that a job is not needed any more whose run has ended', async () => {
    await expect(runJobFile(join(temporaryDirectory(), '0.json'), [])).rejects.toThrow(UserError)
  })
})

describe('memoryRequest', () => {
  it('asks for the cost or up to a quarter more, in few different amounts', () => {
    const amounts = new Set<number>()
    for (let bytes = 2 ** 28; bytes < 2 ** 32; bytes += 2 ** 22) {
      const mebibytes = memoryRequest(bytes)!
      expect(mebibytes * 2 ** 20).toBeGreaterThanOrEqual(bytes)
      expect(mebibytes * 2 ** 20).toBeLessThan(1.25 * bytes + 2 ** 20)
      amounts.add(mebibytes)
    }
    expect(amounts.size).toBeLessThanOrEqual(17)
    expect(memoryRequest(undefined)).toBeUndefined()
  })
})

describe('endingOf', () => {
  it('takes a state that nobody knows for a loss, and one that goes on for none', () => {
    expect(endingOf('SOMETHING_NEW')).toMatchObject({ what: 'ended in the state SOMETHING_NEW', isUsers: false })
    for (const state of ['PENDING', 'RUNNING', 'COMPLETING', 'SUSPENDED']) expect(endingOf(state)).toBeUndefined()
  })
})

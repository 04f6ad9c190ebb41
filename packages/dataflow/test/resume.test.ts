import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { verifyCache } from '../src/index.ts'
import { temporaryCache, temporaryDirectory } from './temporary-cache.ts'
import { testProgram } from './test-program.ts'

interface Life {
  /** Keys that the run said had finished. */
  readonly finished: string[]
  readonly cached: string[]
  /** What the run printed last, if it was not killed. */
  readonly summary: { readonly digests: string[]; readonly counts: { readonly ran: number } } | undefined
  readonly signal: string | null
}

/** Run the program on a cache; kill it a moment after it has computed `killAfter` nodes. */
async function live(directory: string, killAfter: number, moment = 0): Promise<Life> {
  const child = spawn(process.execPath, [testProgram('run-graph'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  const life = { finished: [] as string[], cached: [] as string[], summary: undefined as Life['summary'] }
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line)
    if (message.finished === undefined) {
      life.summary = message
    } else {
      life.finished.push(message.finished)
      if (message.cached) life.cached.push(message.finished)
    }
    if (life.finished.length - life.cached.length === killAfter) setTimeout(() => child.kill('SIGKILL'), moment)
  }
  const [, signal] = await exit
  return { ...life, signal }
}

describe('a run that is killed at random moments and started again', () => {
  it('ends with the digests of an undisturbed run, and computes nothing again that it had announced', async () => {
    const undisturbed = await live(temporaryDirectory(), Number.POSITIVE_INFINITY)
    const directory = temporaryDirectory()
    const announced = new Set<string>()
    for (let i = 0; i < 10; i++) {
      const { finished, signal } = await live(directory, 1 + Math.floor(Math.random() * 4), Math.random() * 8)
      for (const key of finished) announced.add(key)
      expect(signal).toBe('SIGKILL')
    }
    const last = await live(directory, Number.POSITIVE_INFINITY)
    expect(last.summary?.digests).toEqual(undisturbed.summary?.digests)
    expect(last.cached).toEqual(expect.arrayContaining([...announced]))
    expect(announced.size).toBeGreaterThanOrEqual(10)
    expect((await verifyCache(await temporaryCache(directory))).clean).toBe(true)
  })
})

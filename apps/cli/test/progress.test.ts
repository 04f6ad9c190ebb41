import { type Digest, defineOperation, type RunEvent } from '@isthmus/dataflow'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Progress } from '../src/progress.ts'

const step = defineOperation({
  id: 'example.step',
  version: 1,
  inputs: {},
  params: z.object({ i: z.number() }),
  value: z.null(),
  run: async () => null,
})

/** What is written, elsewhere than on a terminal, of a run. */
function written(events: readonly RunEvent[]): string[] {
  const lines: string[] = []
  const stream = { isTTY: false, write: (text: string) => lines.push(text) }
  const progress = new Progress(stream as unknown as NodeJS.WriteStream)
  for (const event of events) progress.onEvent(event)
  progress.stop()
  return lines
}

const nodes = Array.from({ length: 10_000 }, (_, i) => step.node({}, { i }, { label: `step ${i}` }))
const key = 'a'.repeat(64) as Digest

describe('Progress', () => {
  it('has no line for each of thousands of steps', () => {
    const operations = new Map([['example.step', nodes.length]])
    const lines = written([
      { type: 'planned', total: nodes.length, deduplicated: 0, operations },
      ...nodes.flatMap((node): RunEvent[] => [
        { type: 'started', node, key },
        { type: 'finished', node, key, digest: key, cached: false, seconds: 0.1 },
      ]),
      ...nodes.map((node): RunEvent => ({ type: 'failed', node, error: new Error('no') })),
    ])
    expect(lines.length).toBeLessThan(10)
  })

  it('begins anew with the next run, as after a plan that needed steps computed', () => {
    const progress = new Progress({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream)
    const planned = (total: number) =>
      progress.onEvent({ type: 'planned', total, deduplicated: 0, operations: new Map([['example.step', total]]) })
    planned(2)
    for (const node of nodes.slice(0, 2)) {
      progress.onEvent({ type: 'started', node, key })
      progress.onEvent({ type: 'finished', node, key, digest: key, cached: false, seconds: 10 })
    }
    expect(progress.state).toMatchObject({ total: 2, ran: 2, secondsLeft: 0 })
    planned(5)
    expect(progress.state).toMatchObject({ total: 5, ran: 0, cached: 0, running: [], secondsLeft: 50 })
  })

  it('says a few times what must be said at once, and that there is more', () => {
    const [first, ...others] = written(
      nodes.map((node): RunEvent => ({ type: 'corrupt', node, consumer: node, blob: key, found: 'missing' })),
    )
    expect(first).toBe("a cached result of 'step 0' is missing (blob aaaaaaaaaaaa); computing it again\n")
    expect(others).toHaveLength(4)
    expect(others.at(-1)).toMatch(/computing it again \(more of this kind is not shown\)\n$/)
  })
})

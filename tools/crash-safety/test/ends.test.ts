import { expect, it } from 'vitest'
import { tryEnds } from '../src/ends.ts'

it('leaves no process and no zombie, however a run ends', async () => {
  const ends = []
  for await (const end of tryEnds()) ends.push(end)
  expect(ends.length).toBe(7)
  for (const { end, code, expectedCode, running, zombies, said } of ends) {
    expect({ end, code, running, zombies }, said).toEqual({ end, code: expectedCode, running: 0, zombies: 0 })
  }
}, 300_000)

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Fifo } from '../src/fifo.ts'

it('gives what was pushed, in that order, as an array does', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer(), { nil: undefined, freq: 2 })), (steps) => {
      const [fifo, array] = [new Fifo<number>(), [] as number[]]
      for (const pushed of steps) {
        if (pushed === undefined) expect(fifo.shift()).toBe(array.shift())
        else {
          fifo.push(pushed)
          array.push(pushed)
        }
        expect(fifo.length).toBe(array.length)
      }
    }),
  )
})

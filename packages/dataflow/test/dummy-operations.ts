import { existsSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import { defineOperation, many, one } from '../src/index.ts'

export const constant = defineOperation({
  id: 'dummy.constant',
  version: 1,
  inputs: {},
  params: z.object({ value: z.number() }),
  value: z.number(),
  run: async (_context, _inputs, { value }) => value,
})

export const add = defineOperation({
  id: 'dummy.add',
  version: 1,
  inputs: { terms: many(z.number()) },
  params: z.object({ plus: z.number().default(0) }),
  value: z.number(),
  run: async (_context, { terms }, { plus }) => terms.reduce((total, { value }) => total + value, plus),
})

/** Whether a number is positive: many inputs, two results. */
export const isPositive = defineOperation({
  id: 'dummy.isPositive',
  version: 1,
  inputs: { x: one(z.number()) },
  params: z.object({}),
  value: z.boolean(),
  run: async (_context, { x }) => x.value > 0,
})

const text = z.object({ length: z.number() })

export const writeText = defineOperation({
  id: 'dummy.writeText',
  version: 1,
  inputs: {},
  params: z.object({ text: z.string(), repeat: z.number().default(1) }),
  value: text,
  run: async (context, _inputs, params) => {
    const content = params.text.repeat(params.repeat)
    await writeFile(await context.createBlob('text'), content)
    return { length: content.length }
  },
})

export const concatenate = defineOperation({
  id: 'dummy.concatenate',
  version: 1,
  inputs: { parts: many(text) },
  params: z.object({ separator: z.string(), milliseconds: z.number().default(0) }),
  value: text,
  run: async (context, { parts }, { separator, milliseconds }) => {
    const texts = await Promise.all(parts.map(async (part) => readFile(await part.path('text'), 'utf8')))
    await sleep(milliseconds)
    const content = texts.join(separator)
    await writeFile(await context.createBlob('text'), content)
    context.progress(1, 1)
    return { length: content.length }
  },
})

/** The length of a text, read from its blob. */
export const measure = defineOperation({
  id: 'dummy.measure',
  version: 1,
  inputs: { of: one(text) },
  params: z.object({ unit: z.string().default('character') }),
  value: z.number(),
  run: async (_context, { of }) => (await readFile(await of.path('text'), 'utf8')).length,
})

export const fail = defineOperation({
  id: 'dummy.fail',
  version: 1,
  inputs: {},
  params: z.object({ message: z.string(), isUserError: z.boolean().default(false), cause: z.string().optional() }),
  value: z.number(),
  run: async (_context, _inputs, { message, isUserError, cause }) => {
    const options = cause === undefined ? {} : { cause: new TypeError(cause) }
    if (isUserError) throw new UserError(message, options)
    throw new RangeError(message, options)
  },
})

/** Wait for a time, or until the run is interrupted; `deaf` waits for the time whatever happens. */
export const wait = defineOperation({
  id: 'dummy.wait',
  version: 1,
  inputs: {},
  params: z.object({ name: z.string(), milliseconds: z.number(), deaf: z.boolean().default(false) }),
  value: z.string(),
  run: async (context, _inputs, { name, milliseconds, deaf }) => {
    context.progress(0, 1)
    if (deaf) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
    else await sleep(milliseconds, undefined, { signal: context.signal })
    return name
  },
})

/** Kill the process that runs it: each time, or only the first time, which the file `marker` remembers. */
export const die = defineOperation({
  id: 'dummy.die',
  version: 1,
  inputs: {},
  params: z.object({ marker: z.string(), always: z.boolean() }),
  value: z.string(),
  run: async (_context, _inputs, { marker, always }) => {
    if (!always && existsSync(marker)) return 'survived'
    writeFileSync(marker, '')
    process.kill(process.pid, 'SIGKILL')
    return new Promise<never>(() => undefined)
  },
})

/** Its params. */
export const echo = defineOperation({
  id: 'dummy.echo',
  version: 1,
  inputs: {},
  params: z.object({ say: z.json() }),
  value: z.json(),
  run: async (_context, _inputs, { say }) => say,
})

/** Not a function of its key. */
export const roll = defineOperation({
  id: 'dummy.roll',
  version: 1,
  inputs: {},
  params: z.object({}),
  value: z.object({ number: z.number() }),
  run: async (context) => {
    await writeFile(await context.createBlob('text'), 'constant')
    return { number: Math.random() }
  },
})

/** Which process ran it, and how much of stdout and stderr reaches the parent. */
export const report = defineOperation({
  id: 'dummy.report',
  version: 1,
  inputs: {},
  params: z.object({ print: z.string() }),
  value: z.number(),
  run: async (_context, _inputs, { print }) => {
    console.log(print)
    return process.pid
  },
})

const hoarded: Buffer[] = []

/** Keep memory that it never gives back, as an operation that leaks. */
export const hoard = defineOperation({
  id: 'dummy.hoard',
  version: 1,
  inputs: {},
  params: z.object({ name: z.string(), bytes: z.number(), cost: z.number().default(0) }),
  value: z.object({ name: z.string(), pid: z.number() }),
  cost: ({ cost }) => ({ memoryBytes: cost }),
  run: async (_context, _inputs, { name, bytes }) => {
    hoarded.push(Buffer.alloc(bytes, 1))
    return { name, pid: process.pid }
  },
})

export const dummyOperations = [
  constant,
  add,
  isPositive,
  writeText,
  concatenate,
  measure,
  fail,
  wait,
  die,
  echo,
  roll,
  report,
  hoard,
]

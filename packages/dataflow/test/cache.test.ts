import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { translateWriteError } from '../src/errors.ts'
import { CacheWriteError, openCache, verifyCache } from '../src/index.ts'
import { hostToken } from '../src/process-identity.ts'
import { add, concatenate, constant, measure, wait, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'

/** Mount a small file system of its own for a test, which is skipped where that needs rights that it lacks. */
function mountTmpfs(context: TestContext, size: string): string {
  const directory = temporaryDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'pipe' })
  } catch {
    context.skip('mounting a tmpfs needs root and Linux')
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', directory], { stdio: 'pipe' })
  })
  return directory
}

function packs(directory: string): string[] {
  return readdirSync(join(directory, 'actions')).map((name) => join(directory, 'actions', name))
}

describe('openCache', () => {
  it('makes a directory that holds no path and no host name', async () => {
    const directory = join(temporaryDirectory(), 'new', 'cache')
    const cache = await temporaryCache(directory)
    await runDummies(cache, [writeText.node({}, { text: 'hello' }), constant.node({}, { value: 1 })])
    // What finishes together goes into one pack, and on a busy machine the two may not.
    const lines = packs(directory)
      .map((pack) => readFileSync(pack, 'utf8'))
      .join('')
    expect(lines.trimEnd().split('\n').length).toBe(2)
    expect(lines).not.toContain(directory)
    expect(lines).not.toContain(hostname())
    expect(lines).not.toContain(hostToken)
  })

  it('refuses a directory of another format', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'format.json'), '{"format":0}')
    await expect(openCache(directory)).rejects.toThrow(UserError)
    await expect(openCache(directory)).rejects.toThrow(
      `The cache ${directory} was made by another version: format.json should hold {"format":1} and holds ` +
        '{"format":0}; remove the directory, or name another one for the cache.',
    )
  })

  it('refuses to read where there is no cache, and to write where there is a file', async () => {
    const directory = temporaryDirectory()
    await expect(openCache(directory, { readOnly: true })).rejects.toThrow(`${directory} holds no cache`)
    expect(readdirSync(directory)).toEqual([])
    writeFileSync(join(directory, 'file'), '')
    await expect(openCache(join(directory, 'file'))).rejects.toThrow('since a part of that path is a file')
  })

  it('removes the temporary files of dead processes only', async () => {
    const directory = temporaryDirectory()
    await temporaryCache(directory)
    const names = [`${hostToken}-999999999-ab-1`, `${hostToken}-${process.pid}-ab-1`, 'otherhost-999999999-ab-1']
    const beside = `.${names[0]}.c0ffee.tmp`
    for (const name of [...names, beside]) writeFileSync(join(directory, 'tmp', name), '')
    await temporaryCache(directory)
    for (const name of [names[0], beside]) expect(readdirSync(join(directory, 'tmp'))).not.toContain(name)
    expect(readdirSync(join(directory, 'tmp'))).toEqual(expect.arrayContaining(names.slice(1)))
  })

  it('merges packs when there are many, and loses nothing', async () => {
    const directory = temporaryDirectory()
    const nodes = Array.from({ length: 70 }, (_, value) => constant.node({}, { value }))
    const cache = await temporaryCache(directory)
    for (const node of nodes) await runDummies(cache, [node])
    expect(packs(directory).length).toBe(70)
    const reader = await temporaryCache(directory, { readOnly: true })
    await temporaryCache(directory)
    expect(packs(directory).length).toBe(1)
    for (const later of [reader, cache, await temporaryCache(directory)]) {
      expect((await runDummies(later, nodes)).result.counts).toMatchObject({ cached: 70 })
    }
  })
})

describe('a damaged pack', () => {
  it('loses the damaged records only, which are computed again, and says so', async () => {
    const directory = temporaryDirectory()
    const nodes = [1, 2, 3].map((value) => constant.node({}, { value }))
    await runDummies(await temporaryCache(directory), nodes)
    const [pack] = packs(directory)
    const lines = readFileSync(pack!, 'utf8').split('\n')
    lines[1] = lines[1]!.replace('"value":2', '"value":7')
    chmodSync(pack!, 0o644)
    writeFileSync(pack!, lines.join('\n'))
    const cache = await temporaryCache(directory)
    const { result, events } = await runDummies(cache, nodes)
    expect(nodes.map((node) => result.artifact(node).value)).toEqual([1, 2, 3])
    expect(result.counts).toMatchObject({ ran: 1, cached: 2 })
    expect(ofType(events, 'damaged')).toEqual([{ type: 'damaged', path: pack, lines: [2] }])
    expect((await verifyCache(cache, { repair: true })).damagedPacks).toEqual([{ path: pack, lines: [2] }])
    expect((await verifyCache(await temporaryCache(directory))).clean).toBe(true)
    expect((await runDummies(await temporaryCache(directory), nodes)).result.counts).toMatchObject({ cached: 3 })
  })

  it('may have been cut short, or hold other bytes altogether', async () => {
    const directory = temporaryDirectory()
    const nodes = [1, 2, 3].map((value) => constant.node({}, { value }))
    await runDummies(await temporaryCache(directory), nodes)
    const [pack] = packs(directory)
    chmodSync(pack!, 0o644)
    writeFileSync(pack!, readFileSync(pack!, 'utf8').slice(0, -20))
    appendFileSync(join(directory, 'actions', 'noise.jsonl'), Buffer.from([0, 255, 10, 10, 128]))
    const { result } = await runDummies(await temporaryCache(directory), nodes)
    expect(result.counts).toMatchObject({ ran: 1, cached: 2 })
  })
})

describe('a full disk', () => {
  const sentence = (directory: string) =>
    `The disk that holds the cache ${directory} is full: free some space or collect the garbage of the cache, then ` +
    'run again; what had finished is kept.'

  it('ends the run with a sentence when a blob does not fit, and keeps what had finished', async (context) => {
    const directory = mountTmpfs(context, '256k')
    const cache = await temporaryCache(directory)
    const small = writeText.node({}, { text: 'small' })
    await runDummies(cache, [small])
    const large = writeText.node({}, { text: 'large', repeat: 200_000 })
    const failure = runDummies(cache, [small, large])
    await expect(failure).rejects.toThrow(CacheWriteError)
    await expect(failure).rejects.toThrow(sentence(directory))
    const kept = measure.node({ of: small }, {})
    expect((await runDummies(await temporaryCache(directory), [kept])).result.counts).toMatchObject({
      cached: 1,
      ran: 1,
    })
    expect((await verifyCache(cache)).clean).toBe(true)
  })

  it('ends the run with a sentence when a record does not fit', async (context) => {
    const directory = mountTmpfs(context, '64k')
    const cache = await temporaryCache(directory)
    const large = wait.node({}, { name: 'large'.repeat(20_000), milliseconds: 0 })
    await expect(runDummies(cache, [large])).rejects.toThrow(sentence(directory))
    expect(packs(directory)).toEqual([])
    expect(readdirSync(join(directory, 'leases'))).toEqual([])
  })
})

describe('a read-only directory', () => {
  it('is refused for writing with a sentence, and serves what it holds', async (context) => {
    const directory = mountTmpfs(context, '1m')
    const target = measure.node({ of: writeText.node({}, { text: 'hello' }) }, {})
    const first = await openCache(directory)
    await runDummies(first, [target])
    first.close()
    execFileSync('mount', ['-o', 'remount,ro', directory])
    await expect(openCache(directory)).rejects.toThrow(CacheWriteError)
    await expect(openCache(directory)).rejects.toThrow(
      `The cache ${directory} cannot be written (EROFS): give yourself write permission, or name another directory ` +
        'for the cache.',
    )
    const { result } = await runDummies(await temporaryCache(directory, { readOnly: true }), [target])
    expect(result.counts).toMatchObject({ cached: 2 })
  })
})

describe('translateWriteError', () => {
  it.each([
    ['ENOSPC', 'The disk that holds the cache /c is full'],
    ['EDQUOT', 'The disk that holds the cache /c is full'],
    ['EACCES', 'The cache /c cannot be written (EACCES)'],
    ['ENOTSUP', 'The file system of the cache /c has no hard links (ENOTSUP)'],
  ])('makes a sentence of %s', (code, sentence) => {
    const cause = Object.assign(new Error(code), { code })
    const error = translateWriteError(cause, '/c')
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toContain(sentence)
    expect(error.cause).toBe(cause)
  })

  it('leaves other errors as they are', () => {
    const error = Object.assign(new Error('no such file'), { code: 'ENOENT' })
    expect(translateWriteError(error, '/c')).toBe(error)
  })
})

describe('publishing', () => {
  it('leaves nothing in tmp, nor a lease', async () => {
    const cache = await temporaryCache()
    const parts = ['a', 'b'].map((text) => writeText.node({}, { text }))
    await runDummies(cache, [concatenate.node({ parts }, { separator: '' }), add.node({ terms: [] }, {})])
    cache.close()
    expect(readdirSync(join(cache.directory, 'tmp'))).toEqual([])
    expect(readdirSync(join(cache.directory, 'leases'))).toEqual([])
  })

  it('needs the blob first: a record is never there before its blobs', async () => {
    const directory = temporaryDirectory()
    const cache = await temporaryCache(directory)
    const seen: boolean[] = []
    const node = writeText.node({}, { text: 'first' })
    await runDummies(cache, [node], {
      onEvent: (event) => {
        if (event.type !== 'finished') return
        const record = cache.lookup(event.key)
        seen.push(packs(directory).length === 1, existsSync(cache.blobs.locate(record!.output.blobs.text!)))
      },
    })
    expect(seen).toEqual([true, true])
  })
})

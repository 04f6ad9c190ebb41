import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { decodeCheckedLine, encodeCheckedLine } from '../src/checked-line.ts'
import { canonicalDigest, openSource } from '../src/index.ts'
import { temporaryCache, temporaryDirectory } from './temporary-cache.ts'

describe('openSource', () => {
  it('has a digest of contents, names and value, and not of paths', async () => {
    const cache = await temporaryCache()
    const [here, there] = [temporaryDirectory(), temporaryDirectory()]
    for (const folder of [here, there]) writeFileSync(join(folder, 'a.txt'), 'hello')
    const first = await openSource(cache, { text: join(here, 'a.txt') }, { genre: 'novel' })
    const moved = await openSource(cache, { text: join(there, 'a.txt') }, { genre: 'novel' })
    const renamed = await openSource(cache, { other: join(here, 'a.txt') }, { genre: 'novel' })
    const valued = await openSource(cache, { text: join(here, 'a.txt') }, { genre: 'play' })
    const sha256OfHello = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
    expect(first.artifact.blobs).toEqual({ text: sha256OfHello })
    expect(first.artifact.digest).toBe(
      canonicalDigest({ kind: 'artifact', value: { genre: 'novel' }, blobs: { text: sha256OfHello } }),
    )
    expect(moved.artifact.digest).toBe(first.artifact.digest)
    expect(new Set([first, renamed, valued].map(({ artifact }) => artifact.digest)).size).toBe(3)
    expect(first.label).toBe(join(here, 'a.txt'))
  })

  it('remembers the digest of a file that has not been written lately, and notices a change', async () => {
    const cache = await temporaryCache()
    const file = join(temporaryDirectory(), 'a.txt')
    writeFileSync(file, 'hello')
    await openSource(cache, { text: file }, null)
    expect(readdirSync(join(cache.directory, 'sources'))).toEqual([])
    await sleep(2100)
    const first = await openSource(cache, { text: file }, null)
    const [name] = readdirSync(join(cache.directory, 'sources'))
    const memo = join(cache.directory, 'sources', name!)
    const remembered = decodeCheckedLine(readFileSync(memo, 'utf8').trimEnd()) as object
    writeFileSync(memo, encodeCheckedLine({ ...remembered, digest: 'as remembered' }))
    expect((await openSource(cache, { text: file }, null)).artifact.blobs).toEqual({ text: 'as remembered' })
    writeFileSync(memo, 'not a memo')
    expect((await openSource(cache, { text: file }, null)).artifact).toEqual(first.artifact)
    writeFileSync(memo, encodeCheckedLine(remembered))
    writeFileSync(file, 'hullo')
    utimesSync(file, 1, 1)
    expect((await openSource(cache, { text: file }, null)).artifact.digest).not.toBe(first.artifact.digest)
  })

  it('names a file that is missing or no file', async () => {
    const cache = await temporaryCache()
    const folder = temporaryDirectory()
    const missing = openSource(cache, { text: join(folder, 'none.txt') }, null)
    await expect(missing).rejects.toThrow(UserError)
    await expect(missing).rejects.toThrow(
      `The file ${join(folder, 'none.txt')} cannot be read (ENOENT): check the path and its permissions.`,
    )
    mkdirSync(join(folder, 'folder'))
    await expect(openSource(cache, { text: join(folder, 'folder') }, null)).rejects.toThrow('cannot be read (EISDIR)')
  })

  it('notices that another file took the place of one', async () => {
    const cache = await temporaryCache()
    const folder = temporaryDirectory()
    const [file, other] = [join(folder, 'a'), join(folder, 'b')]
    for (const [path, content] of [
      [file, 'hello'],
      [other, 'hullo'],
    ] as const) {
      writeFileSync(path, content)
      utimesSync(path, 1, 1)
    }
    const first = await openSource(cache, { text: file }, null)
    rmSync(file)
    renameSync(other, file)
    expect((await openSource(cache, { text: file }, null)).artifact.digest).not.toBe(first.artifact.digest)
  })
})

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Digest, openCache } from '@isthmus/dataflow'
import { expect, it, onTestFinished } from 'vitest'
import { directoryStorage } from '../src/index.ts'
import { storageContract } from './contract/index.ts'

async function temporaryCache() {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-storage-'))
  const cache = await openCache(folder)
  onTestFinished(() => {
    cache.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return cache
}

storageContract('a directory', async () => directoryStorage(await temporaryCache()))

it('leaves no temporary file of what it refuses', async () => {
  const cache = await temporaryCache()
  const content = async function* () {
    yield Buffer.from('other')
  }
  await expect(directoryStorage(cache).write('0'.repeat(64) as Digest, content())).rejects.toThrow(/SHA-256/)
  expect(readdirSync(join(cache.directory, 'tmp'))).toEqual([])
})

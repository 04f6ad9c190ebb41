import { readdir, readFile, readlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileHandlePool } from '../src/file-handle-pool.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function writeNumbered(folder: string, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, (_, i) => join(folder, `${i}`))
  await Promise.all(paths.map((path, i) => writeFile(path, new Uint8Array(100).fill(i))))
  return paths
}

/** The files within `folder` that this process has open, by Linux's own account. */
async function openWithin(folder: string): Promise<string[]> {
  const targets = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return targets.filter((target) => target.startsWith(folder))
}

test('any number of concurrent reads of more files than handles gives each file its bytes', async () => {
  const paths = await writeNumbered(await temporaryFolder(), 20)
  const pool = new FileHandlePool(3)
  const reads = Array.from({ length: 200 }, async (_, k) => {
    const target = new Uint8Array(10)
    await pool.read(paths[(k * 7) % 20]!, target, k % 90)
    return target[9]
  })
  expect(await Promise.all(reads)).toEqual(Array.from({ length: 200 }, (_, k) => (k * 7) % 20))
  await pool.close()
})

test.runIf(process.platform === 'linux')('no more handles than the limit are open, and none after close', async () => {
  const folder = await temporaryFolder()
  const paths = await writeNumbered(folder, 10)
  const pool = new FileHandlePool(3)
  const counts: number[] = []
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      paths.map(async (path) => {
        await pool.read(path, new Uint8Array(100), 0)
        counts.push((await openWithin(folder)).length)
      }),
    )
  }
  expect(Math.max(...counts)).toBeLessThanOrEqual(3)
  expect(await openWithin(folder)).toHaveLength(3)
  await pool.close()
  expect(await openWithin(folder)).toEqual([])
})

test('a file that shrinks while it is open, or changes between two openings, is noticed', async () => {
  const [first, second] = (await writeNumbered(await temporaryFolder(), 2)) as [string, string]
  const pool = new FileHandlePool(1)
  const target = new Uint8Array(80)
  await pool.read(first, target, 0)
  await truncate(first, 50)
  await expect(pool.read(first, target, 10)).rejects.toThrow(
    `${first} ended at byte 50 while bytes up to 90 were read: it was cut short after it was opened`,
  )
  await pool.read(second, target, 0)
  await expect(pool.read(first, target, 0)).rejects.toThrow(
    `${first} has changed since its checkpoint was opened: open it again`,
  )
  await pool.read(second, target, 20)
  expect([...target]).toEqual([...(await readFile(second))].slice(20))
  await pool.close()
})

test('a file that cannot be opened does not block the others', async () => {
  const folder = await temporaryFolder()
  const [path] = (await writeNumbered(folder, 1)) as [string]
  const pool = new FileHandlePool(1)
  const missing = join(folder, 'missing')
  const results = await Promise.allSettled(
    [missing, path, missing, path].map((file) => pool.read(file, new Uint8Array(1), 0)),
  )
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
  await pool.close()
})

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { builtDashboard } from '@isthmus/dashboard'
import { describe, expect, it } from 'vitest'

describe('the built page', () => {
  it('names no other host but the namespaces of XML, and has no database of its own', async () => {
    const folder = await builtDashboard()
    const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(html|js|css)$/.test(name))
    expect(names).toContain('index.html')
    for (const name of names) {
      const text = await readFile(join(folder, name), 'utf8')
      const hosts = [...text.matchAll(/\bhttps?:\/\/([\w.-]+)/g)].map(([, host]) => host)
      expect([...new Set(hosts)].filter((host) => host !== 'www.w3.org')).toEqual([])
      expect(text).not.toMatch(/duckdb-(mvp|eh|coi)|\.wasm\b/)
    }
  })

  it('is built once for the same sources', async () => {
    expect(await builtDashboard()).toBe(await builtDashboard())
  })
})

import { rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import { isthmus, temporaryFolder } from './run-isthmus.ts'

it('refuses what is no reference, and offline what was not pulled before', async () => {
  const home = temporaryFolder()
  try {
    const nonsense = await isthmus(home, 'models', 'pull', 'google/multiberts')
    expect(nonsense.code).toBe(2)
    expect(nonsense.stderr).toMatch(/^isthmus: .*google\/multiberts.*hf:/)
    const offline = await isthmus(home, { HF_HUB_OFFLINE: '1', HF_HUB_CACHE: home }, 'models', 'pull', 'hf:a/b')
    expect(offline.code).toBe(2)
    expect(offline.stderr).toMatch(/^isthmus: .*hf:a\/b.*offline/i)
    expect(offline.stdout).toBe('')
  } finally {
    rmSync(home, { recursive: true })
  }
})

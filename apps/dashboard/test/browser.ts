import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'

/** Where the distribution puts Chromium. `CHROMIUM` names another. */
const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** A browser with a profile of its own. */
export interface Browser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** How pages are shown. */
export interface BrowserOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
}

/** Start Chromium.
 *
 *  @throws when it is not installed, saying how it is.
 */
export async function startBrowser(options: BrowserOptions = {}): Promise<Browser> {
  if (!existsSync(executable)) {
    throw new Error(
      `${executable}: there is no Chromium, in which the page is tested: apt-get install chromium, or set CHROMIUM to its path`,
    )
  }
  const { width = 1280, height = 800, colorScheme = 'light' } = options
  const profile = await mkdtemp(join(tmpdir(), 'isthmus-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    headless: true,
    viewport: { width, height },
    colorScheme,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return {
    context,
    async close() {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

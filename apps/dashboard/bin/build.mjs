// Called by `isthmus serve`, so that a fresh clone needs no build step, and by `npm run build`.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildOnce } from '@isthmus/build'

const application = dirname(dirname(fileURLToPath(import.meta.url)))

/** The folder of the built page, which is built first where the sources have changed. */
export function builtDashboard() {
  return buildOnce({
    distribution: join(application, 'dist'),
    sources: [
      ...['index.html', 'vite.config.ts', 'src'].map((name) => join(application, name)),
      // What the page imports of other packages.
      fileURLToPath(import.meta.resolve('@isthmus/results/leaderboard-query')),
    ],
    build: async (outDir) => {
      const { build } = await import('vite')
      await build({
        configFile: join(application, 'vite.config.ts'),
        logLevel: 'warn',
        build: { outDir, emptyOutDir: true },
      })
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${await builtDashboard()}\n`)
}

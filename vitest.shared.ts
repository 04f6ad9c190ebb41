import { defineConfig } from 'vitest/config'

/** The one vitest configuration: each package's `vitest.config.ts` re-exports it, so that nx can cache per package. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    expect: { requireAssertions: true },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    reporters: ['default', 'json'],
    outputFile: { json: 'test-report.json' },
  },
})

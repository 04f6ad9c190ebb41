import { mergeConfig } from 'vitest/config'
import shared from '../../vitest.shared.ts'

/** What a page shows takes a server, a process of queries, and a browser: on a machine that is busy, more than a second. */
export default mergeConfig(shared, { test: { expect: { poll: { timeout: 30_000, interval: 100 } } } })

import { serveQueries } from '../../src/index.ts'

serveQueries()

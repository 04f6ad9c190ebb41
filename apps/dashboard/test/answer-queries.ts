import { serveQueries } from '@isthmus/results'

serveQueries()

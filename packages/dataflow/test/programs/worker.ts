import { serveOperations } from '../../src/index.ts'
import { dummyOperations } from '../dummy-operations.ts'

serveOperations(dummyOperations)

import { serveOperations } from '@isthmus/dataflow'
import { studyOperations } from '@isthmus/study'

serveOperations(studyOperations)

import { readFile } from 'node:fs/promises'
import { writeOurs } from './run-ours.ts'

await writeOurs(JSON.parse(await readFile(process.argv[2]!, 'utf8')))

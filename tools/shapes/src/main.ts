import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFileAtomically } from '@isthmus/checkpoint'
import { imageSet, shippedSeed } from './image-set.ts'

const directory = join(import.meta.dirname, '../../../datasets/shapes')
let bytes = 0
let count = 0
for (const image of imageSet(shippedSeed)) {
  const path = join(directory, image.name)
  await mkdir(dirname(path), { recursive: true })
  await writeFileAtomically(path, (file) => file.writeFile(image.bytes))
  bytes += image.bytes.length
  count++
}
process.stdout.write(`${directory}: ${count} images, ${bytes} bytes\n`)

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'

/** Images by name, `{class}/{image}.png`, each with the path at which it lies. The order carries no meaning. */
export type Images = Readonly<Record<string, string>>

const otherFormats = /\.(jpe?g|gif|bmp|tiff?|webp)$/i

/** List the images of a folder that is laid out as `{class}/{image}.png`, as ImageFolder of torchvision reads it.
 *
 *  @param split A folder that may stand between, as in `train/{class}/{image}.png`: where `directory` holds one of that
 *    name, the images are those below it; else they are all that `directory` holds.
 *  @returns Names with `/` between class and image, whatever the platform, sorted by UTF-16 code units.
 *  @throws {UserError} when the folder cannot be read, holds no image, or holds images of another format.
 */
export async function listImages(directory: string, split: 'train' | 'test'): Promise<Images> {
  const top = await readFolders(directory)
  const root = top.includes(split) ? join(directory, split) : directory
  const classes = root === directory ? top : await readFolders(root)
  const names: string[] = []
  for (const label of classes) {
    const files = (await readdir(join(root, label), { withFileTypes: true })).filter((file) => !file.isDirectory())
    const other = files.find(({ name }) => otherFormats.test(name))
    if (other !== undefined) {
      throw new UserError(`${join(root, label, other.name)} is no PNG, the only format read; convert the images to PNG`)
    }
    names.push(...files.filter(({ name }) => isImage(name)).map(({ name }) => `${label}/${name}`))
  }
  if (names.length > 0) return Object.fromEntries(names.sort().map((name) => [name, join(root, name)]))
  throw new UserError(
    `${root} holds no images: expected files {class}/{image}.png, found ${classes.length} folders without any; put each ` +
      'image in a folder named for its class',
  )
}

async function readFolders(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read the folder of images ${directory}: ${cause.message}; check the path`, { cause })
  })
  return entries.filter((entry) => !entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name)
}

function isImage(name: string): boolean {
  return name.toLowerCase().endsWith('.png') && !name.startsWith('.')
}

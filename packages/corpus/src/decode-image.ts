import { readFile } from 'node:fs/promises'
import { UserError } from '@isthmus/tensor'
import { PNG } from 'pngjs'

/** Decode a PNG as red, green and blue of 0 to 255. Grey is all three; transparency is left out.
 *
 *  @param size The height and width that it must have: images are not resized.
 *  @param name What messages call the file.
 *  @returns Channel by channel, row by row, shape `[3, size, size]`.
 *  @throws {UserError} when the file cannot be read, is no PNG, has 16 bits a channel, or has another size.
 */
export async function decodeImage(path: string, size: number, name: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read the image ${name}: ${cause.message}; check the path`, { cause })
  })
  const { width, height, data } = decode(bytes, name)
  if (width !== size || height !== size) {
    throw new UserError(
      `the image ${name} is ${width} × ${height} pixels, but the model reads ${size} × ${size}; resize the images first`,
    )
  }
  const pixels = new Uint8Array(3 * size * size)
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < size * size; i++) pixels[channel * size * size + i] = data[4 * i + channel]!
  }
  return pixels
}

/** The depth of a PNG's channels stands in its first chunk, after signature, length, type, width and height. */
const depthOffset = 24

function decode(bytes: Buffer, name: string): PNG {
  try {
    const image = PNG.sync.read(bytes)
    if (bytes[depthOffset] !== 16) return image
  } catch (cause) {
    throw new UserError(`the image ${name} cannot be read as PNG: ${(cause as Error).message}; replace the file`, {
      cause,
    })
  }
  throw new UserError(`the image ${name} has 16 bits a channel, of which 8 are read; convert it to 8 bits a channel`)
}

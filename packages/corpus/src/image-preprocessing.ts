import { readFile } from 'node:fs/promises'
import { UserError } from '@isthmus/tensor'
import { z } from 'zod'

/** How pixels of 0 to 255 become what a model reads: `(pixel · rescaleFactor − mean) / std`, channel by channel. */
export interface ImagePreprocessing {
  readonly rescaleFactor: number
  /** Of red, green and blue. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** One number for each channel, or one for all. */
const channels = z
  .union([z.array(z.number()).length(3), z.number()])
  .transform((value) => (typeof value === 'number' ? [value, value, value] : value))

/** `preprocessor_config.json`, with the defaults of transformers' `ViTImageProcessor`. */
const preprocessorConfig = z.object({
  do_rescale: z.boolean().default(true),
  rescale_factor: z.number().default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels.nullish(),
  image_std: channels.refine((std) => std.every((value) => value > 0), 'it must be greater than 0').nullish(),
})

/** Read a model's `preprocessor_config.json`, as {@link imagePreprocessing}.
 *
 *  @param path undefined where the model has none.
 *  @throws {UserError} when the file cannot be read, or naming the field that does not fit.
 */
export async function readImagePreprocessing(path: string | undefined): Promise<ImagePreprocessing> {
  if (path === undefined) return imagePreprocessing(undefined, 'preprocessor_config.json')
  try {
    return imagePreprocessing(JSON.parse(await readFile(path, 'utf8')), path)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`cannot read ${path} as JSON: ${(cause as Error).message}; restore the file`, { cause })
  }
}

/** Read how a model's images are to be preprocessed from the content of its `preprocessor_config.json`.
 *
 *  Images are taken as they are in size: what the file says of resizing and cropping is not done, so images must have the
 *  model's size already.
 *  @param json undefined where there is no such file: the defaults of transformers, mean and deviation 0.5.
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the field that does not fit.
 */
export function imagePreprocessing(json: unknown, where: string): ImagePreprocessing {
  const parsed = preprocessorConfig.safeParse(json ?? {})
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw new UserError(`${where}: ${path.join('.') || 'the file'} is not valid (${message}); correct it`)
  }
  const { do_rescale: rescales, do_normalize: normalizes, ...config } = parsed.data
  return {
    rescaleFactor: rescales ? config.rescale_factor : 1,
    mean: normalizes ? (config.image_mean ?? [0.5, 0.5, 0.5]) : [0, 0, 0],
    std: normalizes ? (config.image_std ?? [0.5, 0.5, 0.5]) : [1, 1, 1],
  }
}

/** What each of 256 values of a channel becomes, in f32 at every step, as transformers computes it.
 *
 *  @returns Shape `[channels · 256]`.
 */
export function normalizedValues({ rescaleFactor, mean, std }: ImagePreprocessing): Float32Array {
  const f32 = Math.fround
  return Float32Array.from({ length: 256 * mean.length }, (_, i) => {
    const [channel, pixel] = [Math.floor(i / 256), i % 256]
    return f32(f32(pixel * rescaleFactor) - f32(mean[channel]!)) / f32(std[channel]!)
  })
}

import { imageClass, imageLabels, listImages, readImagePreprocessing } from '@isthmus/corpus'
import type { Node } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import type { z } from 'zod'
import type { StudyModel } from './open-models.ts'
import type { imagesArtifact } from './operations/artifacts.ts'
import { decodeImages } from './operations/decode-images.ts'
import type { SettingSources } from './setting-sources.ts'

/** Which images of a folder are taken, for what. */
export interface ImagePlan {
  readonly folder: string
  /** `test` for losses, `train` for matching features, where the folder is divided so. */
  readonly split: 'train' | 'test'
  readonly fraction: number
  readonly seed: number
  readonly count: number | null
  readonly label: string
}

/** Lay out the decoding of images for models of one size and kind; classes are looked up where losses are taken.
 *
 *  @throws {UserError} when there are no images, the model does not know one of their classes, or it does not read images
 *    of three channels.
 */
export async function planImages(
  { folder, split, label, ...sampling }: ImagePlan,
  model: StudyModel,
  sources: SettingSources,
): Promise<Node<z.infer<typeof imagesArtifact>>> {
  const images = await sources.open({ kind: 'images', path: folder, part: split }, (path) => listImages(path, split))
  const preprocessing = await readImagePreprocessing(model.tokenizer.files['preprocessor_config.json']?.path)
  const labels = split === 'test' ? labelsOf(Object.keys(images.files), model) : null
  return decodeImages.node({ images }, { imageSize: imageSizeOf(model), preprocessing, labels, ...sampling }, { label })
}

function labelsOf(names: readonly string[], { graph, config, directory }: StudyModel): Record<string, number> {
  const numLabels = Number(graph.shapes[graph.outputs.logits!]!.at(-1))
  return imageLabels([...new Set(names.map(imageClass))], config, numLabels, `${directory}/config.json`)
}

function imageSizeOf({ graph, name }: StudyModel): number {
  const [, channels, size] = graph.inputs.find((input) => input.name === 'pixelValues')!.shape
  if (channels === 3) return Number(size)
  throw new UserError(`${name} reads images of ${channels} channels; only red, green and blue can be fed`)
}

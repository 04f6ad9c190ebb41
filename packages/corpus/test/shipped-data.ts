import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@isthmus/checkpoint'
import type { Tensor } from '@isthmus/tensor'

/** The path of something in the repository's `datasets/`. */
export function datasetPath(name: string): string {
  return fileURLToPath(new URL(`../../../datasets/${name}`, import.meta.url))
}

/** The blocks that the PyTorch side cut from `wiki.valid.raw`, shape `[487, 128]`. */
export async function expectedBlocks(): Promise<Tensor<Int32Array>> {
  await using file = await openSafetensors(fileURLToPath(new URL('./fixtures/inputs.safetensors', import.meta.url)))
  return await file.readInt32('block_ids')
}

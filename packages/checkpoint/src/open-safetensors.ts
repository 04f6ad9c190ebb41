import { FileHandlePool } from './file-handle-pool.ts'
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors-header.ts'
import { TensorSource } from './tensor-source.ts'

/** One open safetensors file. */
export class SafetensorsFile extends TensorSource {
  /** The strings that the writer left, such as `{ format: 'pt' }`. */
  readonly metadata: Readonly<Record<string, string>>

  constructor(path: string, header: SafetensorsHeader, files: FileHandlePool) {
    super(path, header.tensors, files)
    this.metadata = header.metadata
  }
}

/** Open a safetensors file: reads and checks its header, and nothing of its data.
 *
 *      await using file = await openSafetensors('model.safetensors')
 *      const weight = await file.read('bert.pooler.dense.weight')
 *
 *  @throws {CheckpointError} when it is no valid safetensors file; the sentence names the tensor and the file.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const files = new FileHandlePool()
  try {
    return new SafetensorsFile(path, await readSafetensorsHeader(files, path), files)
  } catch (error) {
    await files.close()
    throw error
  }
}

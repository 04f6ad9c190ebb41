import { type CanonicalTensors, canonicalTensors } from './canonical-tensors.ts'
import { CheckpointError } from './checkpoint-error.ts'
import { type CheckpointFiles, checkpointFiles } from './checkpoint-files.ts'
import { FileHandlePool } from './file-handle-pool.ts'
import { parseJsonObject } from './parse-json-object.ts'
import { TensorSource } from './tensor-source.ts'
import { findWeightFormat } from './weight-formats.ts'

/** A model in a Hugging Face folder: its configuration, and its tensors, read on demand. */
export class Checkpoint extends TensorSource {
  /** `config.json`, parsed; `tie_word_embeddings` is false where the stored decoder is not the word embeddings. */
  readonly config: Readonly<Record<string, unknown>>
  /** The files it was opened from, by their names in a Hugging Face folder. */
  readonly files: CheckpointFiles
  /** The names that the tensors are stored under, by the canonical names that `tensors` has. */
  readonly storedNames: ReadonlyMap<string, string>
  /** How the tensors differ from what is stored, one sentence each: names of old versions, a decoder that is tied. */
  readonly mapped: readonly string[]

  private constructor(
    files: CheckpointFiles,
    config: Readonly<Record<string, unknown>>,
    canonical: CanonicalTensors,
    pool: FileHandlePool,
  ) {
    super(`the checkpoint of ${files['config.json']}`, canonical.tensors, pool)
    this.config = canonical.isUntied ? { ...config, tie_word_embeddings: false } : config
    this.storedNames = canonical.storedNames
    this.mapped = canonical.mapped
    this.files = files
  }

  /** Open a checkpoint: reads its configuration and the headers of its weights, and checks them.
   *
   *      await using checkpoint = await Checkpoint.open('datasets/models/seed-1')
   *      const embedding = await checkpoint.read('bert.embeddings.word_embeddings.weight')
   *
   *  Tensors have the names that `transformers` gives them today, whatever they are stored under; `mapped` says what
   *  that changed. They are read when asked for, each by one read of its bytes; at most 16 files are open at a time.
   *  @param source A Hugging Face folder, or the paths of its files by their names, wherever they lie.
   *  @throws {CheckpointError} when a file is missing or malformed; the sentence names it, and the tensor.
   */
  static async open(source: string | CheckpointFiles): Promise<Checkpoint> {
    const files = typeof source === 'string' ? await checkpointFiles(source) : source
    const configPath = files['config.json']
    if (configPath === undefined) {
      throw new CheckpointError(
        `a checkpoint needs a config.json, but only these files are given: ${Object.keys(files).join(', ') || 'none'}`,
      )
    }
    const format = findWeightFormat(files, typeof source === 'string' ? source : `the checkpoint of ${configPath}`)
    const pool = new FileHandlePool()
    try {
      const bytes = new Uint8Array(await pool.size(configPath))
      await pool.read(configPath, bytes, 0)
      const config = parseJsonObject(bytes, configPath, 'correct it or download it again')
      const stored = await format.readTensors(files, pool)
      const canonical = await canonicalTensors(stored, config, pool, `the checkpoint of ${configPath}`)
      return new Checkpoint(files, config, canonical, pool)
    } catch (error) {
      await pool.close()
      throw error
    }
  }
}

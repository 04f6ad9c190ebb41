import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl'
import { CheckpointError } from './checkpoint-error.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { quote } from './pickle-values.ts'

/** Where the bytes of a member lie in the file of an archive, as they are: nothing is compressed. */
export interface ZipMember {
  /** From the start of the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

const REMEDY = 'save or download the file again'

/** Read the directory of a zip archive whose members are stored as they are, so that any range of them can be read.
 *
 *  Reads the central directory and the header before each member; members stay where they are.
 *  @returns The members by name.
 *  @throws {CheckpointError} when it is no such archive: damaged, compressed, encrypted, with names that leave the
 *    archive or occur twice, or with members that overlap, or reach into the directory.
 */
export async function readZipDirectory(files: RangeReader, path: string): Promise<ReadonlyMap<string, ZipMember>> {
  const fileBytes = await files.size(path)
  const members = new Map<string, ZipMember>()
  try {
    const zip = await fromRandomAccessReaderPromise(new PooledReader(files, path), fileBytes, {
      strictFileNames: true,
      validateEntrySizes: false,
      autoClose: false,
    })
    // Until its first entry is read, the cursor stands where the central directory begins.
    const directoryStart = Number(zip.readEntryCursor)
    const extents: Extent[] = []
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName
      if (members.has(name)) throw new CheckpointError(`${path} has the member ${quote(name)} twice; ${REMEDY}`)
      const byteOffset = await findData(zip, entry, path)
      members.set(name, { byteOffset, byteLength: entry.uncompressedSize })
      extents.push({ name, begin: entry.relativeOffsetOfLocalHeader, end: byteOffset + entry.uncompressedSize })
    }
    assertApart(extents, directoryStart, path)
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause
    throw new CheckpointError(`${path} is no intact zip archive (${printable(cause)}); ${REMEDY}`, { cause })
  }
  return members
}

/** Check a member's two headers against each other; returns where its data begin. */
async function findData(zip: ZipFile, entry: Entry, path: string): Promise<number> {
  if (entry.compressionMethod !== 0 || entry.isEncrypted()) {
    throw new CheckpointError(
      `${path} has the member ${quote(entry.fileName)} ${entry.isEncrypted() ? 'encrypted' : 'compressed'}, but ` +
        'PyTorch stores members as they are; save the file again with torch.save',
    )
  }
  if (entry.compressedSize !== entry.uncompressedSize) {
    throw new CheckpointError(
      `${path} gives the member ${quote(entry.fileName)} two sizes, ${entry.compressedSize} and ` +
        `${entry.uncompressedSize} bytes; ${REMEDY}`,
    )
  }
  const local = await zip.readLocalFileHeaderPromise(entry)
  if (!local.fileName.equals(entry.fileNameRaw) || local.compressionMethod !== 0) {
    throw new CheckpointError(
      `${path} calls the member ${quote(entry.fileName)} by another name or method in the header before it; ${REMEDY}`,
    )
  }
  return local.fileDataStart
}

interface Extent {
  readonly name: string
  readonly begin: number
  readonly end: number
}

function assertApart(extents: readonly Extent[], directoryStart: number, path: string): void {
  const inOrder = extents.toSorted((a, b) => a.begin - b.begin)
  for (const [i, { name, end }] of inOrder.entries()) {
    const next = inOrder[i + 1] ?? { name: 'its directory', begin: directoryStart }
    if (end > next.begin) {
      throw new CheckpointError(
        `${path} has the member ${quote(name)} reach to byte ${end}, into ${next.name}, which begins at ` +
          `${next.begin}; ${REMEDY}`,
      )
    }
  }
}

function printable(cause: unknown): string {
  return quote((cause as Error).message).slice(1, -1)
}

/** Reads the ranges that yauzl asks for through the pool of files. */
class PooledReader extends RandomAccessReader {
  readonly #files: RangeReader
  readonly #path: string

  constructor(files: RangeReader, path: string) {
    super()
    this.#files = files
    this.#path = path
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#read(buffer.subarray(offset, offset + length), position).then(
      () => callback(null, length),
      (error: Error) => callback(error),
    )
  }

  async #read(target: Buffer, position: number): Promise<void> {
    const end = position + target.length
    if (!(end <= (await this.#files.size(this.#path)))) throw new Error(`it refers to byte ${end}, beyond its end`)
    await this.#files.read(this.#path, target, position)
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null)
  }
}

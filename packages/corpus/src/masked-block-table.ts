import { UserError } from '@isthmus/tensor'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'
import { blockColumn, blockTable } from './block-table.ts'
import type { MaskedBlocks } from './mask-tokens.ts'

const CONTENT = 'isthmus.masked-blocks'

/** How a text becomes blocks: `clean` by `tokenBlocks`, as it is, or `released-code` by `releasedCodeBlocks`. */
export type EvaluationProtocol = 'clean' | 'released-code'
const protocols: readonly string[] = ['clean', 'released-code'] satisfies EvaluationProtocol[]

/** Write masked blocks as an Arrow IPC file: columns `inputIds` and `labels`, both FixedSizeList<Int32>[blockSize].
 *
 *  The schema's metadata has `content`, `protocol`, `blockSize`, `probability`, `seed` and `vocabularyDigest`. Equal
 *  blocks give equal bytes.
 *  @param protocol How the text became the blocks.
 *  @throws {UserError} when the file cannot be written.
 */
export async function writeMaskedBlocks(
  path: string,
  masked: MaskedBlocks,
  protocol: EvaluationProtocol = 'clean',
): Promise<void> {
  const { inputIds, labels } = masked
  const metadata = [
    ['content', CONTENT],
    ['protocol', protocol],
    ['blockSize', String(inputIds.shape[1])],
    ['probability', String(masked.probability)],
    ['seed', String(masked.seed)],
    ['vocabularyDigest', masked.vocabularyDigest],
  ] as const
  await writeArrowFile(path, blockTable({ inputIds, labels }, new Map(metadata)))
}

/** Read what `writeMaskedBlocks` wrote. The tensors are views of the file's bytes where it has one record batch.
 *
 *  @throws {UserError} when the file cannot be read, is no table of masked blocks, or names a protocol that is unknown.
 */
export async function readMaskedBlocks(
  path: string,
): Promise<MaskedBlocks & { readonly protocol: EvaluationProtocol }> {
  const table = await readArrowFile(path, CONTENT)
  const protocol = metadataEntry(table, 'protocol', path)
  if (!isProtocol(protocol)) {
    throw new UserError(
      `${path} was made by the protocol '${protocol}', expected ${protocols.join(' or ')}; make it again`,
    )
  }
  const blockSize = Number(metadataEntry(table, 'blockSize', path))
  return {
    inputIds: blockColumn(table, 'inputIds', blockSize),
    labels: blockColumn(table, 'labels', blockSize),
    probability: Number(metadataEntry(table, 'probability', path)),
    seed: Number(metadataEntry(table, 'seed', path)),
    vocabularyDigest: metadataEntry(table, 'vocabularyDigest', path),
    protocol,
  }
}

function isProtocol(name: string): name is EvaluationProtocol {
  return protocols.includes(name)
}

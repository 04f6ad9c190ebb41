import { dict, int, pickle, text } from './pickle-text.ts'

/** A file as PyTorch wrote it before version 1.6; the state dict is the body of a pickle. */
export function legacyBytes(
  stateDict: string,
  storages: readonly (readonly [key: string, elements: number, data: Uint8Array])[],
  { version = 1001, littleEndian = true } = {},
): Buffer {
  const sizes = dict({ little_endian: littleEndian ? '\x88' : '\x89' })
  const keys = `](${storages.map(([key]) => text(key)).join('')}e`
  const magic = '\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19'
  const pickles = [magic, int(version), sizes, stateDict, keys].map((body) => Buffer.from(pickle(body), 'latin1'))
  const data = storages.flatMap(([, elements, bytes]) => {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(elements))
    return [length, Buffer.from(bytes)]
  })
  return Buffer.concat([...pickles, ...data])
}

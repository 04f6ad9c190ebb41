import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytesPerElement, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import type { RangeReader } from '../src/file-handle-pool.ts'
import { readSafetensorsHeader, type TensorInfo } from '../src/safetensors-header.ts'
import { stridedLength } from '../src/strided.ts'
import { readTorchFile } from '../src/torch-file.ts'

/** A real file, and where in it its headers lie: what is mutated. */
export interface Original {
  readonly name: string
  readonly bytes: Uint8Array
  readonly headers: readonly (readonly [begin: number, end: number])[]
  readTensors(files: RangeReader, path: string): Promise<ReadonlyMap<string, TensorInfo>>
}

function original(name: string, headersOf: (bytes: Buffer) => [number, number][]): Original {
  const bytes = readFileSync(join(import.meta.dirname, 'fixtures', name))
  const readTensors = name.endsWith('.bin')
    ? readTorchFile
    : async (files: RangeReader, path: string) => (await readSafetensorsHeader(files, path)).tensors
  return { name, bytes, headers: headersOf(bytes), readTensors }
}

/** The pickle stands at the start of the archive, the directory at its end. */
const zipHeaders = (bytes: Buffer): [number, number][] => [
  [0, bytes.indexOf('PK\x03\x04', 4, 'latin1') + 64],
  [bytes.indexOf('PK\x01\x02', 0, 'latin1'), bytes.length],
]

/** The reference models as PyTorch and safetensors saved them. */
export const originals: readonly Original[] = [
  original('bert-mlm/model.safetensors', (bytes) => [[0, 8 + Number(bytes.readBigUInt64LE(0))]]),
  original('bert-mlm-bin/pytorch_model.bin', zipHeaders),
  original('bert-mlm-bin-legacy/pytorch_model.bin', (bytes) => [[0, bytes.lastIndexOf('e.', 8000, 'latin1') + 10]]),
  original('bert-mlm-gamma-beta/pytorch_model.bin', zipHeaders),
]

const extremes = ['ffffffff', 'ffffff7f', '00000000', '01000000', '00000080', 'ffffffffffffffff', '0000010000000000']

/** What takes the place of some bytes: a few others, an integer at its limits, an operation, or a name. */
const replacement = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 4 }),
  fc.constantFrom(...extremes).map((hex) => Buffer.from(hex, 'hex')),
  fc
    .constantFrom('R', 'b', '(', 't', 'Q', '0', '\x81', 'cos\nsystem\n', '}', 'u', '[', '"', '9e99')
    .map((text) => Buffer.from(text, 'latin1')),
)

/** A mutation of a file: one to four places of its headers are overwritten, cut out, added to or repeated. */
export function mutated({ bytes, headers }: Original): fc.Arbitrary<Uint8Array> {
  const place = fc.oneof(...headers.map(([begin, end]) => fc.integer({ min: begin, max: end - 1 })))
  const edit = (kinds: readonly string[]) =>
    fc.record({
      at: place,
      kind: fc.constantFrom(...kinds),
      length: fc.integer({ min: 1, max: 12 }),
      bytes: replacement,
    })
  const edits = fc.oneof(
    // What stays in place reaches further into the file than what moves all that follows.
    fc.array(edit(['overwrite']), { minLength: 1, maxLength: 4 }),
    fc.array(edit(['overwrite', 'insert', 'cut', 'repeat', 'truncate']), { minLength: 1, maxLength: 4 }),
  )
  return edits.map((list) =>
    list.reduce<Uint8Array>((before, { at, kind, length, bytes: added }) => {
      const [head, tail] = [before.subarray(0, at), before.subarray(at)]
      if (kind === 'truncate') return head
      if (kind === 'overwrite') return Buffer.concat([head, added, tail.subarray(added.length)])
      if (kind === 'cut') return Buffer.concat([head, tail.subarray(length)])
      return Buffer.concat([head, kind === 'insert' ? added : tail.subarray(0, length), tail])
    }, bytes),
  )
}

/** What a zip's directory may take beyond the file: the fields of one entry, whose lengths are 16 bits each. */
const SLACK_BYTES = 3 * 2 ** 16

/** Read the headers of a file that may be damaged: its tensors lie within it, or a sentence says what is wrong.
 *
 *  @throws {Error} when anything else happens, more than the file's size is allocated, or it is read more than
 *    a few times over.
 */
export async function examine(file: Original, bytes: Uint8Array): Promise<'opened' | 'refused'> {
  let readBytes = 0
  const reader: RangeReader = {
    size: async () => bytes.length,
    async read(_, target, position) {
      readBytes += target.length
      if (target.length > bytes.length + SLACK_BYTES) throw new Error(`${target.length} bytes are allocated`)
      if (readBytes > 8 * bytes.length + 2 ** 20) throw new Error(`${readBytes} bytes of ${bytes.length} are read`)
      if (position + target.length > bytes.length) throw new Error(`byte ${position + target.length} is read`)
      target.set(bytes.subarray(position, position + target.length))
    },
  }
  try {
    for (const [name, { byteOffset, dtype, shape, strides }] of await file.readTensors(reader, 'FILE')) {
      const size = shape.reduce((product, length) => product * length, bytesPerElement(dtype))
      const extent = strides === undefined ? size : stridedLength(shape, strides) * bytesPerElement(dtype)
      if (!(byteOffset + extent <= bytes.length && size <= bytes.length)) throw new Error(`${name} leaves the file`)
    }
    return 'opened'
  } catch (error) {
    if (error instanceof UserError && error.message.includes('FILE')) return 'refused'
    throw error
  }
}

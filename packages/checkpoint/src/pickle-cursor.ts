import { CheckpointError } from './checkpoint-error.ts'
import { quote } from './pickle-values.ts'

/** The bytes at hand end before the pickle does: the file is truncated, or more of it must be read. */
export class PickleEndError extends CheckpointError {}

/** Longest name of a module or a global, in bytes. */
const MAX_LINE = 1000

/** Reads the operands of a pickle's operations, all bounds checked. */
export class PickleCursor {
  /** The index of the next byte. */
  position: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #path: string

  /** @param path The file that errors name. */
  constructor(bytes: Uint8Array, position: number, path: string) {
    this.position = position
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#path = path
  }

  /** The next bytes, not copied.
   *
   *  @throws {PickleEndError} when fewer are left, as every method here.
   */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length)
    return this.#bytes.subarray(start, start + length)
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true)
  }

  /** Big-endian, as Python writes it. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false)
  }

  /** An integer of `length` bytes in two's complement.
   *
   *  @throws {CheckpointError} when a number cannot hold it exactly.
   */
  long(length: number): number {
    const bytes = this.bytes(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
    const number = Number(BigInt.asIntN(8 * length, value))
    if (Number.isSafeInteger(number)) return number
    throw new CheckpointError(
      `${this.#path} is not read: its pickle has an integer of ${length} bytes, beyond the size of any tensor; ` +
        'save or download the file again',
    )
  }

  /** Text of `length` bytes of UTF-8.
   *
   *  @throws {CheckpointError} when it is not UTF-8.
   */
  text(length: number): string {
    const bytes = this.bytes(length)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch (cause) {
      throw new CheckpointError(
        `${this.#path} is not read: its pickle has a text that is not UTF-8; save or download the file again`,
        { cause },
      )
    }
  }

  /** Text up to the next line feed, which is passed over. */
  line(): string {
    const rest = this.#bytes.subarray(this.position, this.position + MAX_LINE)
    const length = rest.indexOf(0x0a)
    if (length < 0 && rest.length === MAX_LINE) {
      throw new CheckpointError(
        `${this.#path} is not read: its pickle names a global of more than ${MAX_LINE} bytes, ` +
          `${quote(Buffer.from(rest).toString('latin1'))}; save or download the file again`,
      )
    }
    const text = this.text(length < 0 ? MAX_LINE : length)
    this.#advance(1)
    return text
  }

  #advance(length: number): number {
    const start = this.position
    if (length > this.#bytes.length - start) {
      throw new PickleEndError(
        `${this.#path} is truncated: its pickle asks for ${length} bytes where ${this.#bytes.length - start} are left; ` +
          'save or download the file again',
      )
    }
    this.position = start + length
    return start
  }
}

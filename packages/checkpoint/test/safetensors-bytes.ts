/** The bytes of a safetensors file, right or wrong: the header is taken as it is, and so is its length where given. */
export function safetensorsBytes(header: object | string, dataBytes: number, headerLength?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

/** Pickles as the operations that they are, one character a byte. */
export const text = (content: string) =>
  `X${uint32(Buffer.byteLength(content))}${Buffer.from(content).toString('latin1')}`
export const int = (value: number) => `J${uint32(value >>> 0)}`
export const global = (module: string, name: string) => `c${module}\n${name}\n`
export const tuple = (...items: string[]) => `(${items.join('')}t`
export const dict = (entries: Readonly<Record<string, string>>) =>
  `}(${Object.entries(entries)
    .map(([key, value]) => text(key) + value)
    .join('')}u`
export const orderedDict = `${global('collections', 'OrderedDict')})R`
export const pickle = (body: string) => `\x80\x02${body}.`

export function uint32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('latin1')
}

/** A persistent id and its loading; `legacy` adds the None for a view that files before PyTorch 1.6 have. */
export function storage(key: string, length: number, type = 'FloatStorage', legacy = false): string {
  const items = [text('storage'), global('torch', type), text(key), text('cpu'), int(length)]
  return `${tuple(...items, ...(legacy ? ['N'] : []))}Q`
}

/** A tensor on a storage, as `torch.save` writes it. */
export function tensor(onStorage: string, shape: readonly number[], strides: readonly number[], offset = 0): string {
  const [size, stride] = [tuple(...shape.map(int)), tuple(...strides.map(int))]
  return `${global('torch._utils', '_rebuild_tensor_v2')}${tuple(onStorage, int(offset), size, stride, '\x89', orderedDict)}R`
}

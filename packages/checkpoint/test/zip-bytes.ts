import { crc32, deflateRawSync } from 'node:zlib'

/** A member of an archive, right or wrong. */
export interface Member {
  readonly name: string
  readonly data: Uint8Array | string
  readonly compressed?: boolean
  readonly encrypted?: boolean
  /** The name in the header before the data, where it is another. */
  readonly localName?: string
  /** What the directory says of the size and of the place, where that is not so. */
  readonly size?: number
  readonly offset?: number
}

/** The bytes of a zip archive. */
export function zipBytes(members: readonly Member[], { entryCount = members.length, directoryShift = 0 } = {}): Buffer {
  const [parts, directory]: [Buffer[], Buffer[]] = [[], []]
  let position = 0
  for (const member of members) {
    const content = typeof member.data === 'string' ? Buffer.from(member.data, 'latin1') : Buffer.from(member.data)
    const data = member.compressed ? deflateRawSync(content) : content
    const shared = Buffer.alloc(22)
    shared.writeUInt16LE(member.encrypted ? 1 : 0, 2)
    shared.writeUInt16LE(member.compressed ? 8 : 0, 4)
    shared.writeUInt32LE(crc32(content), 10)
    shared.writeUInt32LE(member.size ?? data.length, 14)
    shared.writeUInt32LE(member.size ?? content.length, 18)
    const local = header(0x04034b50, shared, member.localName ?? member.name, 2)
    directory.push(entry(shared, member.name, member.offset ?? position))
    parts.push(local, data)
    position += local.length + data.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entryCount, 8)
  end.writeUInt16LE(entryCount, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(position + directoryShift, 16)
  return Buffer.concat([...parts, central, end])
}

function header(signature: number, shared: Buffer, name: string, rest: number): Buffer {
  const fixed = Buffer.alloc(4 + shared.length + 2 + rest)
  fixed.writeUInt32LE(signature, 0)
  shared.copy(fixed, 4)
  fixed.writeUInt16LE(Buffer.byteLength(name), 4 + shared.length)
  return Buffer.concat([fixed, Buffer.from(name)])
}

function entry(shared: Buffer, name: string, offset: number): Buffer {
  const made = Buffer.alloc(2)
  const bytes = header(0x02014b50, Buffer.concat([made, shared]), name, 16)
  bytes.writeUInt32LE(offset, 42)
  return bytes
}

/** A file as `torch.save` writes it: a pickle, and storages by their keys. */
export function torchZip(pickle: string, storages: Readonly<Record<string, Uint8Array>>, more: Member[] = []): Buffer {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, data: bytes }))
  return zipBytes([
    { name: 'archive/data.pkl', data: pickle },
    ...data,
    { name: 'archive/version', data: '3\n' },
    ...more,
  ])
}

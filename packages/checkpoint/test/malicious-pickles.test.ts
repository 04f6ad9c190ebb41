import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Checkpoint } from '../src/index.ts'
import { legacyBytes } from './legacy-bytes.ts'
import { dict, global, int, pickle, storage, tensor, text, tuple, uint32 } from './pickle-text.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { type Member, torchZip, zipBytes } from './zip-bytes.ts'

const four = new Uint8Array(16)
const w = tensor(storage('0', 4), [2, 2], [2, 1])
const command = tuple(text('touch pwned'))
const short = (content: string) => `\x8c${String.fromCharCode(content.length)}${content}`
const call = (module: string, name: string, ...items: string[]) => `${global(module, name)}${tuple(...items)}R`
const zip = (body: string) => torchZip(pickle(body), { 0: four })
/** A state dict with one more entry. */
const beside = (value: string) => zip(dict({ w, evil: value }))
const asks = (name: string) =>
  `FILE is not read, and nothing of it was run: its pickle asks for the global '${name}', which is none of those that ` +
  'tensors are made of; do not trust this file, and get the weights as safetensors'
const uses = (operation: string) =>
  `FILE is not read, and nothing of it was run: its pickle uses the operation ${operation}, which tensors do not need`
const archive = (...members: Member[]) =>
  zipBytes([{ name: 'archive/data.pkl', data: pickle(dict({ w })) }, ...members])
const data0: Member = { name: 'archive/data/0', data: four }

test.each<[string, Uint8Array, string]>([
  ['os.system', beside(call('os', 'system', text('touch pwned'))), asks('os.system')],
  [
    'posix.system, as pickle writes os.system',
    beside(call('posix', 'system', text('touch pwned'))),
    asks('posix.system'),
  ],
  ['subprocess.Popen', beside(call('subprocess', 'Popen', text('touch pwned'))), asks('subprocess.Popen')],
  ['eval', beside(call('builtins', 'eval', text('1'))), asks('builtins.eval')],
  ['exec of Python 2', beside(call('__builtin__', 'exec', text('1'))), asks('__builtin__.exec')],
  ['getattr', beside(call('builtins', 'getattr', text('a'), text('b'))), asks('builtins.getattr')],
  ['torch.load', beside(call('torch', 'load', text('other.bin'))), asks('torch.load')],
  [
    'a method by a dotted name',
    beside(call('torch._utils', '_rebuild_tensor_v2.__globals__')),
    asks('torch._utils._rebuild_tensor_v2.__globals__'),
  ],
  ['a name that objects inherit', beside(call('torch', 'constructor')), asks('torch.constructor')],
  ['a global that is named but not called', beside(global('os', 'system')), asks('os.system')],
  ['a global that is only remembered', zip(`${global('nt', 'system')}q\x00${dict({ w })}`), asks('nt.system')],
  ['STACK_GLOBAL', beside(`${short('os')}${short('system')}\x93${command}R`), asks('os.system')],
  ['STACK_GLOBAL of no text', beside(`${int(1)}${int(2)}\x93`), 'it names a global by the number 1 and the number 2'],
  ['a name that steers the terminal', beside(global('os', '\x1b[2Jsystem')), asks('os.\\u{1b}[2Jsystem')],
  [
    'a chain of calls',
    beside(`${call('importlib', 'import_module', text('os'))}${command}R`),
    asks('importlib.import_module'),
  ],
  ['INST', beside(`(${text('touch pwned')}ios\nsystem\n`), asks('os.system')],
  ['INST of an allowed class', beside('(icollections\nOrderedDict\n'), uses('INST')],
  ['OBJ', beside(`(${global('collections', 'OrderedDict')}o`), uses('OBJ')],
  ['NEWOBJ', beside(`${global('collections', 'OrderedDict')})\x81`), uses('NEWOBJ')],
  ['NEWOBJ_EX', beside(`${global('collections', 'OrderedDict')})}\x92`), uses('NEWOBJ_EX')],
  ['EXT1', beside('\x82\x01'), uses('EXT1')],
  ['EXT4', beside(`\x84${uint32(7)}`), uses('EXT4')],
  ['DUP', beside('2'), uses('DUP')],
  ['PERSID', beside('Pos.system\n'), uses('PERSID')],
  ['NEXT_BUFFER', beside('\x97'), uses('NEXT_BUFFER')],
  ['a byte that is no operation', beside('\xff'), 'of its pickle is no operation'],
  [
    'a call of a storage class',
    beside(call('torch', 'FloatStorage', int(4))),
    'calls the global torch.FloatStorage with a tuple of 1, which makes no tensor',
  ],
  ['a call of a tensor', beside(`${w})R`), 'calls a tensor with a tuple of 0'],
  ['a call of a text', beside(`${text('os.system')}${command}R`), "calls the text 'os.system' with a tuple of 1"],
  [
    'an OrderedDict of arguments',
    beside(call('collections', 'OrderedDict', text('x'))),
    'calls the global collections.OrderedDict with a tuple of 1',
  ],
  [
    'a tensor on no storage',
    beside(call('torch._utils', '_rebuild_tensor_v2', text('0'), int(0), tuple(), tuple())),
    'calls the global torch._utils._rebuild_tensor_v2 with a tuple of 4',
  ],
  [
    'a negative offset',
    beside(tensor(storage('0', 4), [2], [1], -1)),
    'calls the global torch._utils._rebuild_tensor_v2',
  ],
  [
    'BUILD of a dict',
    beside(`}${dict({ __class__: 'N' })}b`),
    'its operation BUILD would set the state of a dict to a dict, which may run code',
  ],
  [
    'BUILD of a global',
    beside(`${global('collections', 'OrderedDict')}${dict({ x: 'N' })}b`),
    'BUILD would set the state of the global collections.OrderedDict',
  ],
  ['BUILD of a tensor', beside(`${w}${dict({ x: 'N' })}b`), 'BUILD would set the state of a tensor'],
  [
    'a persistent id of text',
    beside(`${text('os.system')}Q`),
    "has a persistent id that is no storage of tensors, but the text 'os.system'",
  ],
  [
    'a persistent id of another tag',
    beside(`${tuple(text('module'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(4))}Q`),
    "no storage of tensors, but (the text 'module', the global torch.FloatStorage,",
  ],
  [
    'a persistent id without a class',
    beside(`${tuple(text('storage'), text('os.system'), text('0'), text('cpu'), int(4))}Q`),
    "no storage of tensors, but (the text 'storage', the text 'os.system',",
  ],
  ['a persistent id of a negative length', beside(`${storage('0', -1)}`), 'the number -1)'],
  ['LONG4 of two gigabytes', beside(`\x8b${uint32(2 ** 31 - 1)}`), uses('LONG4')],
  [
    'LONG1 beyond all sizes',
    beside(`\x8a\xff${'\x7f'.repeat(255)}`),
    'its pickle has an integer of 255 bytes, beyond the size of any tensor',
  ],
  ['BINBYTES8 of exabytes', beside(`\x8e${'\xff'.repeat(8)}`), uses('BINBYTES8')],
  [
    'BINUNICODE of four gigabytes',
    beside(`X${uint32(2 ** 32 - 1)}`),
    'FILE is truncated: its pickle asks for 4294967295 bytes where ',
  ],
  ['a text that is no UTF-8', beside('U\x01\xff'), 'has a text that is not UTF-8'],
  ['a memo that was never set', beside(`j${uint32(2 ** 32 - 1)}`), 'it asks for the memo 4294967295 before it is set'],
  [
    'a memo bomb, each list holding the last ten times',
    beside(`]q\x00(${`](${'h\x00'.repeat(10)}eq\x00`.repeat(40)}e`),
    "'evil' is a list of 40",
  ],
  [
    'a nesting of 150,000',
    zip(`${']'.repeat(150_000)}${'a'.repeat(149_999)}`),
    'FILE must hold a state dict, but holds a list of 1',
  ],
  ['more operations than any state dict', zip('N'.repeat(400_001)), 'its pickle has more than 400000 operations'],
  [
    'a pickle beyond the limit',
    zip('N'.repeat(2 ** 24)),
    "FILE has a 'archive/data.pkl' of 16777219 bytes, but at most 16777216 are read",
  ],
  ['a list that holds itself', zip(`]q\x00h\x00a`), 'FILE must hold a state dict, but holds a list of 1'],
  [
    'a dict that holds itself',
    zip(`}q\x00(${text('self')}h\x00u`),
    "FILE must hold tensors alone, but 'self' is a dict",
  ],
  ['an operation without operands', zip('R'), 'an operation lacks its operand'],
  ['an operation that reaches below a MARK', zip(`}(s`), 'an operation lacks its operand'],
  ['a tuple without its MARK', zip('t'), 'an operation lacks its MARK'],
  ['a MARK left open', zip(`(${dict({ w })}`), 'its pickle ends with values left over'],
  ['an odd number of keys and values', zip(`}(${text('w')}u`), 'it sets 1 keys and values of a dict'],
  ['keys that are no text', zip(`}(${int(1)}${w}u`), 'a dict has the number 1 for a key, not text'],
  ['a key twice', zip(`}(${text('w')}${w}${text('w')}${w}u`), "a dict has the key 'w' twice"],
  ['items set on a list', zip(`](${text('w')}${w}u`), 'it sets 2 keys and values of a list of 0'],
  ['items appended to a tuple', zip(`)${w}a`), 'it appends to a tuple of 0'],
  [
    'no STOP',
    torchZip(`\x80\x02${dict({ w })}`, { 0: four }),
    'FILE is truncated: its pickle asks for 1 bytes where 0 are left',
  ],
  [
    'bytes behind the pickle',
    torchZip(`${pickle(dict({ w }))}cos\nsystem\n`, { 0: four }),
    'FILE has 11 bytes behind the end of its pickle',
  ],
  [
    'a number among the tensors',
    beside(int(3)),
    "FILE must hold tensors alone, but 'evil' is the number 3; save it with torch.save(model.state_dict(), path)",
  ],
  [
    'a training checkpoint',
    zip(dict({ model: dict({ w }), epoch: int(3) })),
    "FILE must hold tensors alone, but 'model' is a dict",
  ],
  [
    'a tensor beyond its storage',
    zip(dict({ w: tensor(storage('0', 4), [2, 2], [2, 1], 1) })),
    "tensor 'w' of FILE reaches to element 5 of its storage '0', which has 4: shape [2, 2], strides [2, 1], offset 1",
  ],
  [
    'strides beyond the storage',
    zip(dict({ w: tensor(storage('0', 4), [2], [2 ** 31 - 1]) })),
    'reaches to element 2147483648 of its storage',
  ],
  [
    'an expanded tensor',
    zip(dict({ w: tensor(storage('0', 4), [2 ** 30], [0]) })),
    'has the shape [1073741824], 1073741824 elements, on a storage of 4: an expanded tensor is not read',
  ],
  [
    'a shape whose size overflows',
    zip(dict({ w: tensor(storage('0', 4), Array(60).fill(2 ** 31 - 1), Array(60).fill(0)) })),
    'elements, on a storage of 4',
  ],
  [
    'a tensor of 65 axes',
    zip(dict({ w: tensor(storage('0', 4), Array(65).fill(1), Array(65).fill(1)) })),
    'with a tuple of 6, which makes no tensor',
  ],
  [
    'a storage larger than its member',
    zip(dict({ w: tensor(storage('0', 2 ** 31 - 1), [2], [1]) })),
    "FILE should have 8589934588 bytes in the member 'archive/data/0', but it has 16",
  ],
  [
    'a storage that is not there',
    zip(dict({ w: tensor(storage('../../etc/passwd', 4), [2], [1]) })),
    "in the member 'archive/data/../../etc/passwd', but it is missing",
  ],
])('a pickle with %s is refused', async (_, bytes, sentence) => {
  expect(await refusalOf(bytes)).toContain(sentence)
})

test.each<[string, Uint8Array, string]>([
  [
    'a member that leaves it',
    archive(data0, { name: '../pwned', data: '' }),
    'FILE is no intact zip archive (invalid relative path: ../pwned)',
  ],
  [
    'an absolute member',
    archive(data0, { name: '/pwned', data: '' }),
    'FILE is no intact zip archive (absolute path: /pwned)',
  ],
  [
    'a backslash',
    archive(data0, { name: 'archive\\data\\1', data: '' }),
    'FILE is no intact zip archive (invalid characters in fileName:',
  ],
  ['a member twice', archive(data0, data0), "FILE has the member 'archive/data/0' twice"],
  [
    'two pickles',
    archive(data0, { name: 'other/data.pkl', data: pickle('}') }),
    'not of one state dict: it has 2 members data.pkl',
  ],
  [
    'a program',
    archive(data0, { name: 'archive/constants.pkl', data: pickle(')') }),
    'not of one state dict: it is a TorchScript program',
  ],
  ['no pickle', zipBytes([data0]), 'not of one state dict: it has 0 members data.pkl'],
  [
    'a compressed bomb',
    archive({ name: 'archive/data/0', data: new Uint8Array(2 ** 24), compressed: true }),
    "FILE has the member 'archive/data/0' compressed, but PyTorch stores members as they are",
  ],
  ['an encrypted member', archive({ ...data0, encrypted: true }), "FILE has the member 'archive/data/0' encrypted"],
  [
    'another name before the data',
    archive({ ...data0, localName: 'archive/data/1' }),
    "FILE calls the member 'archive/data/0' by another name or method in the header before it",
  ],
  [
    'a size beyond the file',
    archive({ ...data0, size: 2 ** 31 }),
    'FILE is no intact zip archive (file data overflows file bounds',
  ],
  [
    'a member that reaches into the next',
    archive({ ...data0, size: 20 }, { name: 'archive/data/1', data: four }),
    "FILE has the member 'archive/data/0' reach to byte ",
  ],
  ['a member that reaches into the directory', archive({ ...data0, size: 17 }), 'into its directory, which begins at '],
  [
    'an offset beyond the file',
    archive({ ...data0, offset: 2 ** 31 }),
    'FILE is no intact zip archive (it refers to byte 2147483678, beyond its end)',
  ],
  [
    'an offset at another header',
    archive({ ...data0, offset: 0 }),
    "calls the member 'archive/data/0' by another name",
  ],
  [
    'more entries than it has',
    zipBytes([data0], { entryCount: 60_000 }),
    'FILE is no intact zip archive (it refers to byte 166, beyond its end)',
  ],
  [
    'a directory in another place',
    zipBytes([data0], { directoryShift: 2 }),
    'FILE is no intact zip archive (invalid central directory file header signature',
  ],
  [
    'no directory',
    archive(data0).subarray(0, -30),
    'FILE is no intact zip archive (End of central directory record signature not found',
  ],
  [
    'big-endian storages',
    archive(data0, { name: 'archive/byteorder', data: 'big' }),
    "FILE was saved in the byte order 'big', but little is read",
  ],
])('an archive with %s is refused', async (_, bytes, sentence) => {
  expect(await refusalOf(bytes)).toContain(sentence)
})

const legacyW = (key = '0', length = 4, type = 'FloatStorage') => tensor(storage(key, length, type, true), [4], [1])

test.each<[string, Uint8Array, string]>([
  ['os.system', legacyBytes(dict({ evil: call('os', 'system', text('touch pwned')) }), []), asks('os.system')],
  [
    'another version',
    legacyBytes(dict({}), [], { version: 1000 }),
    "has the version the number 1000 of PyTorch's old format, but 1001 is read",
  ],
  [
    'big-endian storages',
    legacyBytes(dict({}), [], { littleEndian: false }),
    'FILE was not saved on a little-endian machine',
  ],
  [
    'a truncated storage',
    legacyBytes(dict({ w: legacyW() }), [['0', 4, four.subarray(1)]]),
    "FILE is truncated: storage '0' ends at byte ",
  ],
  [
    'another length of its storage',
    legacyBytes(dict({ w: legacyW() }), [['0', 5, four]]),
    "FILE stores 5 elements for the storage '0', but its tensors tell of 4",
  ],
  [
    'a length beyond all files',
    legacyBytes(dict({ w: legacyW('0', 2 ** 31 - 1) }), [['0', 2 ** 31 - 1, four]]),
    'FILE is truncated: storage',
  ],
  [
    'a storage that no tensor has',
    legacyBytes(dict({ w: legacyW() }), [
      ['0', 4, four],
      ['1', 4, four],
    ]),
    "FILE lists the storage '1', which no tensor has",
  ],
  [
    'a storage listed twice',
    legacyBytes(dict({ w: legacyW() }), [
      ['0', 4, four],
      ['0', 4, four],
    ]),
    "FILE lists the storage '0', which it lists before",
  ],
  ['a storage that is not listed', legacyBytes(dict({ w: legacyW() }), []), "FILE does not list the storage '0'"],
  [
    'a storage of two types',
    legacyBytes(dict({ w: legacyW(), v: legacyW('0', 4, 'IntStorage') }), [['0', 4, four]]),
    "FILE describes the storage '0' in two ways",
  ],
  [
    'bytes behind the last storage',
    Buffer.concat([legacyBytes(dict({ w: legacyW() }), [['0', 4, four]]), four]),
    'FILE has 16 bytes behind its last storage',
  ],
  [
    'a view of a storage',
    legacyBytes(
      dict({
        w: tensor(
          `${tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(4), tuple(text('1'), int(0), int(2)))}Q`,
          [2],
          [1],
        ),
      }),
      [['0', 4, four]],
    ),
    'has a persistent id that is no storage of tensors',
  ],
  [
    'no end to its pickles',
    legacyBytes('('.repeat(300_000), []).subarray(0, -40),
    'FILE is truncated: its pickle asks for 1 bytes where 0 are left',
  ],
])('a file before PyTorch 1.6 with %s is refused', async (_, bytes, sentence) => {
  expect(await refusalOf(bytes)).toContain(sentence)
})

test.each<[string, Uint8Array, string]>([
  ['an empty file', new Uint8Array(0), 'it begins with the bytes of nothing'],
  [
    'a bare pickle',
    Buffer.from(pickle(`${global('os', 'system')}${command}R`), 'latin1'),
    'FILE is neither a zip archive nor a file that torch.save wrote before PyTorch 1.6: it begins with the bytes 80 02 63 6f',
  ],
  ['a text', Buffer.from('version https'), 'it begins with the bytes 76 65 72 73'],
])('%s is refused', async (_, bytes, sentence) => {
  expect(await refusalOf(bytes)).toContain(sentence)
})

/** What the user reads when the bytes are opened; nothing but the files given may be in the folder then. */
async function refusalOf(bytes: Uint8Array): Promise<string> {
  const folder = await temporaryFolder()
  const path = join(folder, 'pytorch_model.bin')
  await writeFile(join(folder, 'config.json'), '{}')
  await writeFile(path, bytes)
  const error: Error = await Checkpoint.open(folder).then(
    () => expect.fail('the checkpoint was opened'),
    (reason) => reason,
  )
  expect(error.name).toBe('CheckpointError')
  expect((await readdir(folder)).sort()).toEqual(['config.json', 'pytorch_model.bin'])
  return error.message.replaceAll(path, 'FILE')
}

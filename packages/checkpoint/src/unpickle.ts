import { CheckpointError } from './checkpoint-error.ts'
import { PickleCursor } from './pickle-cursor.ts'
import { describePickleValue, type PickleDict, type PickleList, type PickleValue, quote } from './pickle-values.ts'
import { applyGlobal, loadStorage, resolveGlobal } from './torch-globals.ts'

/** How much of a file is read in search of its pickle, in bytes; that of 9,000 tensors takes some 1 MB. */
export const MAX_PICKLE_BYTES = 16 * 2 ** 20

/** Operations that one pickle may have: some 9,000 tensors. Bounds its memory and its time. */
const MAX_OPERATIONS = 400_000

const emptyTuple: PickleValue = { kind: 'tuple', items: [] }

/** Read one pickle of tensors, and nothing else: the operations that PyTorch writes, over the globals of an allow list.
 *
 *  No operation calls or imports anything; a global outside of the list, an operation that builds instances (`INST`,
 *  `OBJ`, `NEWOBJ`, `EXT1`, …), and `REDUCE` or `BUILD` of anything else end the reading. Values are never walked
 *  recursively, and there are at most as many as operations.
 *  @param bytes Holds the pickle; values do not refer to it.
 *  @param start Where it begins.
 *  @param path The file that errors name.
 *  @returns What it holds, and the index behind its end.
 *  @throws {PickleEndError} when `bytes` end before the pickle does.
 *  @throws {CheckpointError} naming the file, and the global or the operation that is refused.
 *  @see PyTorch, torch/_weights_only_unpickler.py, which allows the same operations.
 */
export function unpickle(bytes: Uint8Array, start: number, path: string): { value: PickleValue; end: number } {
  const machine = new PickleMachine(new PickleCursor(bytes, start, path), path)
  return { value: machine.run(), end: machine.cursor.position }
}

/** The stack machine that a pickle is a program for. */
class PickleMachine {
  readonly cursor: PickleCursor
  readonly path: string
  readonly #stack: PickleValue[] = []
  /** Heights of the stack where a MARK was set. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()

  constructor(cursor: PickleCursor, path: string) {
    this.cursor = cursor
    this.path = path
  }

  run(): PickleValue {
    for (let count = 0; count < MAX_OPERATIONS; count++) {
      const code = this.cursor.byte()
      if (code === STOP) return this.finish()
      const operation = operations[code]
      if (operation === undefined) this.refuseOperation(code)
      operation(this)
    }
    throw this.refusal(`its pickle has more than ${MAX_OPERATIONS} operations`)
  }

  push(value: PickleValue): void {
    this.#stack.push(value)
  }

  pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.refusal('an operation lacks its operand')
    return this.#stack.pop()!
  }

  /** The last value, which stays. */
  top(): PickleValue {
    const value = this.pop()
    this.push(value)
    return value
  }

  mark(): void {
    this.#marks.push(this.#stack.length)
  }

  popToMark(): PickleValue[] {
    const height = this.#marks.pop()
    if (height === undefined) throw this.refusal('an operation lacks its MARK')
    return this.#stack.splice(height)
  }

  remember(index: number = this.#memo.size): void {
    this.#memo.set(index, this.top())
  }

  recall(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) throw this.refusal(`it asks for the memo ${index} before it is set`)
    this.push(value)
  }

  global(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw this.refusal(`it names a global by ${describePickleValue(module)} and ${describePickleValue(name)}`)
    }
    this.push(resolveGlobal(module, name, this.path))
  }

  /** The list that an operation appends to. */
  list(): PickleList {
    const value = this.top()
    if (isKind(value, 'list')) return value
    throw this.refusal(`it appends to ${describePickleValue(value)}`)
  }

  setItems(items: readonly PickleValue[]): void {
    const dict = this.top()
    if (!isKind(dict, 'dict') || items.length % 2 !== 0) {
      throw this.refusal(`it sets ${items.length} keys and values of ${describePickleValue(dict)}`)
    }
    for (let i = 0; i < items.length; i += 2) this.#setItem(dict, items[i]!, items[i + 1]!)
  }

  #setItem({ entries }: PickleDict, key: PickleValue, value: PickleValue): void {
    if (typeof key !== 'string') throw this.refusal(`a dict has ${describePickleValue(key)} for a key, not text`)
    if (entries.has(key)) throw this.refusal(`a dict has the key ${quote(key)} twice`)
    entries.set(key, value)
  }

  /** BUILD sets attributes: those of an OrderedDict, `_metadata`, say nothing of tensors and are left out. */
  build(): void {
    const state = this.pop()
    const target = this.top()
    if (!isKind(target, 'dict') || !target.ordered || !isKind(state, 'dict')) {
      throw this.refusal(
        `its operation BUILD would set the state of ${describePickleValue(target)} to ${describePickleValue(state)}, ` +
          'which may run code',
      )
    }
  }

  finish(): PickleValue {
    const value = this.pop()
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.refusal('its pickle ends with values left over')
    return value
  }

  refuseOperation(code: number): never {
    const name = refusedOperations[code]
    if (name === undefined) throw this.refusal(`byte ${this.cursor.position - 1} of its pickle is no operation`)
    if (name === 'INST') resolveGlobal(this.cursor.line(), this.cursor.line(), this.path)
    throw this.refusal(`its pickle uses the operation ${name}, which tensors do not need`)
  }

  refusal(reason: string): CheckpointError {
    return new CheckpointError(
      `${this.path} is not read, and nothing of it was run: ${reason}; get the weights as safetensors, ` +
        'or save them again with torch.save(model.state_dict(), path)',
    )
  }
}

function isKind<Kind extends 'list' | 'dict'>(
  value: PickleValue,
  kind: Kind,
): value is Extract<PickleValue, { kind: Kind }> {
  return typeof value === 'object' && value !== null && value.kind === kind
}

const STOP = 0x2e

/** The operations that are carried out, by their byte. */
const operations: Readonly<Record<number, (machine: PickleMachine) => void>> = {
  128: ({ cursor }) => void cursor.bytes(1), // PROTO
  149: ({ cursor }) => void cursor.bytes(8), // FRAME
  40: (machine) => machine.mark(), // MARK
  78: (machine) => machine.push(null), // NONE
  136: (machine) => machine.push(true), // NEWTRUE
  137: (machine) => machine.push(false), // NEWFALSE
  74: (machine) => machine.push(machine.cursor.int32()), // BININT
  75: (machine) => machine.push(machine.cursor.byte()), // BININT1
  77: (machine) => machine.push(machine.cursor.uint16()), // BININT2
  71: (machine) => machine.push(machine.cursor.float64()), // BINFLOAT
  138: (machine) => machine.push(machine.cursor.long(machine.cursor.byte())), // LONG1
  84: (machine) => machine.push(machine.cursor.text(machine.cursor.uint32())), // BINSTRING
  85: (machine) => machine.push(machine.cursor.text(machine.cursor.byte())), // SHORT_BINSTRING
  88: (machine) => machine.push(machine.cursor.text(machine.cursor.uint32())), // BINUNICODE
  140: (machine) => machine.push(machine.cursor.text(machine.cursor.byte())), // SHORT_BINUNICODE
  41: (machine) => machine.push(emptyTuple), // EMPTY_TUPLE
  116: (machine) => machine.push({ kind: 'tuple', items: machine.popToMark() }), // TUPLE
  133: (machine) => machine.push({ kind: 'tuple', items: [machine.pop()] }), // TUPLE1
  134: (machine) => machine.push({ kind: 'tuple', items: [machine.pop(), machine.pop()].reverse() }), // TUPLE2
  135: (machine) => machine.push({ kind: 'tuple', items: [machine.pop(), machine.pop(), machine.pop()].reverse() }), // TUPLE3
  93: (machine) => machine.push({ kind: 'list', items: [] }), // EMPTY_LIST
  97: (machine) => {
    const item = machine.pop()
    machine.list().items.push(item)
  }, // APPEND
  101: (machine) => {
    const items = machine.popToMark()
    const list = machine.list()
    for (const item of items) list.items.push(item)
  }, // APPENDS
  125: (machine) => machine.push({ kind: 'dict', entries: new Map(), ordered: false }), // EMPTY_DICT
  115: (machine) => machine.setItems([machine.pop(), machine.pop()].reverse()), // SETITEM
  117: (machine) => machine.setItems(machine.popToMark()), // SETITEMS
  113: (machine) => machine.remember(machine.cursor.byte()), // BINPUT
  114: (machine) => machine.remember(machine.cursor.uint32()), // LONG_BINPUT
  148: (machine) => machine.remember(), // MEMOIZE
  104: (machine) => machine.recall(machine.cursor.byte()), // BINGET
  106: (machine) => machine.recall(machine.cursor.uint32()), // LONG_BINGET
  99: (machine) => machine.global(machine.cursor.line(), machine.cursor.line()), // GLOBAL
  147: (machine) => {
    const name = machine.pop()
    machine.global(machine.pop(), name)
  }, // STACK_GLOBAL
  81: (machine) => machine.push(loadStorage(machine.pop(), machine.path)), // BINPERSID
  82: (machine) => {
    const argument = machine.pop()
    machine.push(applyGlobal(machine.pop(), argument, machine.path))
  }, // REDUCE
  98: (machine) => machine.build(), // BUILD
}

/** What else the format defines, so that an error can name it. */
const refusedOperations: Readonly<Record<number, string>> = {
  48: 'POP',
  49: 'POP_MARK',
  50: 'DUP',
  70: 'FLOAT',
  73: 'INT',
  76: 'LONG',
  80: 'PERSID',
  83: 'STRING',
  86: 'UNICODE',
  66: 'BINBYTES',
  67: 'SHORT_BINBYTES',
  100: 'DICT',
  103: 'GET',
  105: 'INST',
  108: 'LIST',
  111: 'OBJ',
  112: 'PUT',
  129: 'NEWOBJ',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  139: 'LONG4',
  141: 'BINUNICODE8',
  142: 'BINBYTES8',
  143: 'EMPTY_SET',
  144: 'ADDITEMS',
  145: 'FROZENSET',
  146: 'NEWOBJ_EX',
  150: 'BYTEARRAY8',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
}

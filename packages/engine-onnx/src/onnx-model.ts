import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** The part of onnx.proto (IR version 8) that a lowered graph needs, written field by field.
 *
 *  @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the field numbers.
 */
export interface OnnxModel {
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxInitializer[]
}

export type OnnxElementType = 'float' | 'int32' | 'int64'

export interface OnnxValue {
  readonly name: string
  readonly type: OnnxElementType
  readonly shape: readonly (number | string)[]
}

export interface OnnxNode {
  readonly op: string
  /** `''` is ONNX's own domain. */
  readonly domain: '' | 'com.microsoft'
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, OnnxAttribute>>
}

/** Numbers and lists are written as integers, `{ float }` as a float. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number }

/** A small constant: shapes, indices, scalars. */
export interface OnnxInitializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: BigInt64Array | Float32Array
}

const elementTypes: Readonly<Record<OnnxElementType, number>> = { float: 1, int32: 6, int64: 7 }

/** Encode a model as the bytes of an ONNX file. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.Varint).int64(8)
  writer.tag(2, WireType.LengthDelimited).string('isthmus')
  writer.tag(7, WireType.LengthDelimited).fork()
  encodeGraph(writer, model)
  writer.join()
  for (const [domain, version] of [
    ['', 17],
    ['com.microsoft', 1],
  ] as const) {
    writer.tag(8, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(domain)
    writer.tag(2, WireType.Varint).int64(version)
    writer.join()
  }
  return writer.finish()
}

function encodeGraph(writer: BinaryWriter, model: OnnxModel): void {
  for (const node of model.nodes) {
    writer.tag(1, WireType.LengthDelimited).fork()
    for (const input of node.inputs) writer.tag(1, WireType.LengthDelimited).string(input)
    for (const output of node.outputs) writer.tag(2, WireType.LengthDelimited).string(output)
    writer.tag(4, WireType.LengthDelimited).string(node.op)
    for (const [name, value] of Object.entries(node.attributes)) encodeAttribute(writer, name, value)
    writer.tag(7, WireType.LengthDelimited).string(node.domain)
    writer.join()
  }
  writer.tag(2, WireType.LengthDelimited).string('isthmus')
  for (const initializer of model.initializers) encodeInitializer(writer, initializer)
  for (const value of model.inputs) encodeValue(writer, 11, value)
  for (const value of model.outputs) encodeValue(writer, 12, value)
}

function encodeAttribute(writer: BinaryWriter, name: string, value: OnnxAttribute): void {
  writer.tag(5, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(name)
  if (typeof value === 'number') {
    writer.tag(3, WireType.Varint).int64(value)
    writer.tag(20, WireType.Varint).int32(2)
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float)
    writer.tag(20, WireType.Varint).int32(1)
  } else {
    for (const element of value) writer.tag(8, WireType.Varint).int64(element)
    writer.tag(20, WireType.Varint).int32(7)
  }
  writer.join()
}

function encodeInitializer(writer: BinaryWriter, { name, shape, values }: OnnxInitializer): void {
  writer.tag(5, WireType.LengthDelimited).fork()
  for (const dimension of shape) writer.tag(1, WireType.Varint).int64(dimension)
  writer.tag(2, WireType.Varint).int32(values instanceof Float32Array ? elementTypes.float : elementTypes.int64)
  writer.tag(8, WireType.LengthDelimited).string(name)
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  writer.join()
}

function encodeValue(writer: BinaryWriter, field: number, { name, type, shape }: OnnxValue): void {
  writer.tag(field, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(name)
  writer.tag(2, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.Varint).int32(elementTypes[type])
  writer.tag(2, WireType.LengthDelimited).fork()
  for (const dimension of shape) {
    writer.tag(1, WireType.LengthDelimited).fork()
    if (typeof dimension === 'number') writer.tag(1, WireType.Varint).int64(dimension)
    else writer.tag(2, WireType.LengthDelimited).string(dimension)
    writer.join()
  }
  writer.join()
  writer.join()
  writer.join()
  writer.join()
}

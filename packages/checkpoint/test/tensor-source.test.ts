import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSafetensors, type SafetensorsFile, type TensorToWrite, writeSafetensors } from '../src/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Write the tensors and open the file. */
async function reopened(tensors: TensorToWrite[]): Promise<SafetensorsFile> {
  const path = join(await temporaryFolder(), 'model.safetensors')
  await writeSafetensors(path, tensors)
  return openSafetensors(path)
}

const values = Float32Array.of(1.5, -0, 3, 1e-3, 65_504, 7)

test('every floating-point type is read as f32: the halves rounded when written, f64 when read', async () => {
  await using file = await reopened([
    { name: 'f32', dtype: 'F32', shape: [2, 3], data: values },
    { name: 'f16', dtype: 'F16', shape: [2, 3], data: values },
    { name: 'bf16', dtype: 'BF16', shape: [2, 3], data: values },
    { name: 'f64', dtype: 'F64', shape: [2, 3], data: Float64Array.from(values, (x) => x + 1e-12) },
  ])
  expect(await file.read('f32')).toEqual({ shape: [2, 3], data: values })
  expect(await file.read('f16')).toEqual({
    shape: [2, 3],
    data: Float32Array.of(1.5, -0, 3, 0.0010004043579101562, 65_504, 7),
  })
  expect(await file.read('bf16')).toEqual({
    shape: [2, 3],
    data: Float32Array.of(1.5, -0, 3, 0.00099945068359375, 65_536, 7),
  })
  expect((await file.read('f64')).data[0]).toBe(1.5)
})

test('readInto fills a view of the caller, and nothing beside it', async () => {
  await using file = await reopened([
    { name: 'f32', dtype: 'F32', shape: [6], data: values },
    { name: 'bf16', dtype: 'BF16', shape: [6], data: values },
  ])
  const target = new Float32Array(8).fill(9)
  await file.readInto('f32', target.subarray(1, 7))
  expect([...target]).toEqual([9, ...values, 9])
  await file.readInto('bf16', target.subarray(1, 7))
  expect([...target.slice(0, 4), target[7]]).toEqual([9, 1.5, -0, 3, 9])
  await expect(file.readInto('f32', target)).rejects.toThrow('has 6 elements, but is read into an array of 8')
})

test('integers are read as int32 where they fit, bytes and truth values as uint8', async () => {
  await using file = await reopened([
    { name: 'i32', dtype: 'I32', shape: [2], data: Int32Array.of(-(2 ** 31), 7) },
    { name: 'i64', dtype: 'I64', shape: [2], data: BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n) },
    { name: 'large', dtype: 'I64', shape: [1], data: BigInt64Array.of(2n ** 31n) },
    { name: 'mask', dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) },
    { name: 'u8', dtype: 'U8', shape: [1, 1], data: Uint8Array.of(255) },
  ])
  expect(await file.readInt32('i32')).toEqual({ shape: [2], data: Int32Array.of(-(2 ** 31), 7) })
  expect(await file.readInt32('i64')).toEqual({ shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) })
  expect(await file.readUint8('mask')).toEqual({ shape: [2], data: Uint8Array.of(0, 1) })
  expect(await file.readUint8('u8')).toEqual({ shape: [1, 1], data: Uint8Array.of(255) })
  await expect(file.readInt32('large')).rejects.toThrow('holds 2147483648, which does not fit in 32 bits')
})

test('a tensor of another type, or of no such name, is refused with the name and the file', async () => {
  await using file = await reopened([
    { name: 'ids', dtype: 'I32', shape: [1], data: Int32Array.of(1) },
    { name: 'weight', dtype: 'F32', shape: [1], data: Float32Array.of(1) },
  ])
  const path = file.info('ids').file
  await expect(file.read('ids')).rejects.toThrow(
    `tensor 'ids' of ${path} is stored as I32, but is read as a floating-point tensor`,
  )
  await expect(file.readInt32('weight')).rejects.toThrow(
    `tensor 'weight' of ${path} is stored as F32, but is read as an I32 or I64 tensor`,
  )
  await expect(file.readUint8('ids')).rejects.toThrow('is stored as I32, but is read as a U8 or BOOL tensor')
  await expect(file.read('bias')).rejects.toThrow(`${path} has no tensor 'bias'; it has 2, such as 'weight', 'ids'`)
})

test('a closed file is not read', async () => {
  const file = await reopened([{ name: 'w', dtype: 'F32', shape: [1], data: Float32Array.of(1) }])
  await file.close()
  await expect(file.read('w')).rejects.toThrow('is read after its checkpoint was closed: open it again')
})

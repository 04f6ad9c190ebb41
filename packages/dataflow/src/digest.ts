import { hash } from 'node:crypto'
import { UserError } from '@isthmus/tensor'

declare const digestBrand: unique symbol

/** SHA-256 in lower-case hexadecimal, 64 characters. */
export type Digest = string & { readonly [digestBrand]: true }

/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Check that a string is a digest.
 *
 *  @throws {UserError} when it is not 64 lower-case hexadecimal characters.
 */
export function digest(text: string): Digest {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new UserError(
      `'${text}' is not a digest: expected 64 lower-case hexadecimal characters, found ${text.length} characters; ` +
        'copy the whole digest.',
    )
  }
  return text as Digest
}

/** Write a value in the one canonical JSON text that it has.
 *
 *  Keys of objects are sorted by UTF-16 code units, numbers are written as ECMAScript writes them (−0 as 0), strings
 *  are kept exactly, with no Unicode normalisation. Two values have the same text if and only if they are the same
 *  JSON value, so 1, "1", true, null, [] and {} all differ.
 *  @throws {TypeError} naming the path of whatever JSON cannot hold: undefined, NaN, ±Infinity, bigints, functions,
 *    symbols, class instances, holes in arrays, cycles.
 *  @see RFC 8785, JSON Canonicalization Scheme, §3.2.
 */
export function canonicalJson(value: unknown): string {
  return encode(value, [], [])
}

/** SHA-256 of the canonical JSON text of a value. */
export function canonicalDigest(value: unknown): Digest {
  return hash('sha256', canonicalJson(value)) as Digest
}

function encode(value: unknown, path: (string | number)[], ancestors: object[]): string {
  if (value === null || value === true || value === false) return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(String(value), path)
    return JSON.stringify(value)
  }
  if (typeof value !== 'object') throw notJson(typeof value, path)
  if (ancestors.includes(value)) throw notJson('a cycle', path)
  ancestors.push(value)
  const text = Array.isArray(value) ? encodeArray(value, path, ancestors) : encodeObject(value, path, ancestors)
  ancestors.pop()
  return text
}

function encodeArray(value: readonly unknown[], path: (string | number)[], ancestors: object[]): string {
  let text = '['
  for (let i = 0; i < value.length; i++) {
    path.push(i)
    text += (i > 0 ? ',' : '') + encode(value[i], path, ancestors)
    path.pop()
  }
  return `${text}]`
}

function encodeObject(value: object, path: (string | number)[], ancestors: object[]): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw notJson(`an instance of ${value.constructor.name}`, path)
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw notJson('a symbol as a key', path)
  let text = '{'
  for (const key of Object.keys(value).sort()) {
    path.push(key)
    const encoded = encode((value as Record<string, unknown>)[key], path, ancestors)
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${encoded}`
    path.pop()
  }
  return `${text}}`
}

function notJson(found: string, path: readonly (string | number)[]): TypeError {
  const where = path.length === 0 ? 'the value' : path.join('.')
  return new TypeError(`${where} is ${found}, which JSON cannot hold: use null, a boolean, a finite number or a string`)
}

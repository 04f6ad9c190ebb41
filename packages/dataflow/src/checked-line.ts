import { hash } from 'node:crypto'

const checksumLength = 16

/** One line of text that holds a JSON value and a checksum over it: the first 64 bits of its SHA-256. */
export function encodeCheckedLine(value: unknown): string {
  const text = JSON.stringify(value)
  return `${checksum(text)} ${text}\n`
}

/** The value of such a line, given without its line break; undefined when the checksum or the JSON is wrong. */
export function decodeCheckedLine(line: string): unknown {
  const text = line.slice(checksumLength + 1)
  if (line[checksumLength] !== ' ' || line.slice(0, checksumLength) !== checksum(text)) return undefined
  return JSON.parse(text)
}

function checksum(text: string): string {
  return hash('sha256', text).slice(0, checksumLength)
}

import { CheckpointError } from './checkpoint-error.ts'
import { findDuplicateKey } from './find-duplicate-key.ts'

/** Parse a JSON object in UTF-8 whose names are unique at every level.
 *
 *  @param what Begins the sentence of an error, e.g. `the header of model.safetensors`.
 *  @param remedy Ends it: what the user can do.
 *  @throws {CheckpointError} when it is not UTF-8, not JSON, not an object, or gives a name twice.
 */
export function parseJsonObject(bytes: Uint8Array, what: string, remedy: string): Readonly<Record<string, unknown>> {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(`${what} is not JSON (${describeJson((cause as Error).message)}); ${remedy}`, { cause })
  }
  if (!isJsonObject(value)) {
    throw new CheckpointError(`${what} must be a JSON object, but is ${describeJson(value)}; ${remedy}`)
  }
  const duplicate = findDuplicateKey(text)
  if (duplicate !== null) {
    throw new CheckpointError(
      `${what} gives the name '${duplicate}' twice, so that it is not clear which is meant; ${remedy}`,
    )
  }
  return value
}

/** Whether a parsed value is an object, and neither a list nor null. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A parsed value as an error quotes it: its JSON, cut at 80 characters, or `missing`. */
export function describeJson(value: unknown): string {
  const json = JSON.stringify(value) ?? 'missing'
  return json.length > 80 ? `${json.slice(0, 79)}…` : json
}

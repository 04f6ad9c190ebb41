import { UserError } from '@isthmus/tensor'

/** Read a count from the command line.
 *
 *  @param option By which it was given: `--jobs`.
 *  @throws {UserError} when it is no whole number of at least 1.
 */
export function parseCount(option: string, given: string): number {
  const count = Number(given)
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw new UserError(`${option} ${given}: expected a whole number of at least 1`)
}

/** Read a port from the command line; 0 is one that is free.
 *
 *  @param option By which it was given: `--port`.
 *  @throws {UserError} when it is none.
 */
export function parsePort(option: string, given: string): number {
  const port = Number(given)
  if (/^\d+$/.test(given) && port < 65_536) return port
  throw new UserError(`${option} ${given}: expected a port, from 0 to 65535`)
}

const units: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }

/** Read a size from the command line, `500MB` or `20GB`, in bytes.
 *
 *  @param option By which it was given: `--max-size`.
 *  @throws {UserError} when it is no size.
 */
export function parseBytes(option: string, given: string): number {
  const [, number, unit] = /^([\d.]+)\s*([A-Za-z]*)$/.exec(given) ?? []
  const factor = units[(unit ?? '?').toUpperCase()]
  if (factor !== undefined && Number(number) >= 0) return Number(number) * factor
  throw new UserError(`${option} ${given}: expected a size, as in ${option} 20GB`)
}

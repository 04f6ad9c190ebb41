import type { Value } from './server.ts'

/** How a column is written. */
export type Kind = 'text' | 'nats' | 'count' | 'seconds' | 'exponent' | 'lambda' | 'json'

/** A value for reading; nothing for null. */
export function formatValue(value: Value | undefined, kind: Kind): string {
  if (value === null || value === undefined) return ''
  const number = typeof value === 'number' ? value : Number(value)
  switch (kind) {
    case 'nats':
      return Number.isFinite(number)
        ? number
            .toFixed(3)
            .replace(/^-0\.000$/, '0.000')
            .replace('-', '−')
        : String(value)
    case 'count':
      return Math.round(number).toLocaleString('en')
    case 'seconds':
      return formatDuration(number)
    case 'exponent':
      return number === 0 ? '0' : number.toExponential(1).replace('-', '−')
    case 'lambda':
      return String(Math.round(number * 1e9) / 1e9)
    case 'json':
      return formatSettings(value)
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
}

/** Seconds, as a person would say them. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 100) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** A time in the reader's zone, to the minute. DuckDB's timestamps are UTC and say so by nothing. */
export function formatTime(time: string): string {
  const date = parseTime(time)
  const pad = (part: number) => String(part).padStart(2, '0')
  return (
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ` +
    `${pad(date.getHours())}:${pad(date.getMinutes())}`
  )
}

/** A time of DuckDB or of JSON. */
export function parseTime(time: string): Date {
  return new Date(/[zZ]|[+-]\d\d(:?\d\d)?$/.test(time.slice(10)) ? time : `${time.replace(' ', 'T')}Z`)
}

/** Settings in one line: `alignment.fraction=0.1, …`. */
export function formatSettings(value: Value): string {
  return Object.entries(flatten(parseJson(value)))
    .map(([name, one]) => `${name}=${typeof one === 'string' ? one : JSON.stringify(one)}`)
    .join(', ')
}

/** The leaves of settings by their dotted names. Lists are leaves. */
export function flatten(value: Value, prefix = ''): Record<string, Value> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return prefix === '' ? {} : { [prefix]: value }
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, one]) => flatten(one, prefix === '' ? name : `${prefix}.${name}`)),
  )
}

/** JSON that a query gave as text or as a value. */
export function parseJson(value: Value): Value {
  return typeof value === 'string' ? (JSON.parse(value) as Value) : value
}

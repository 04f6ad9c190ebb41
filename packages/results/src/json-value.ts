import type { DuckDBDecimalValue, DuckDBValue, DuckDBValueConverter } from '@duckdb/node-api'

/** What JSON can hold. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** Digits that every decimal of that length keeps through a double. */
const exactDecimalDigits = 15

/** Make the conversion from DuckDB's values to values that JSON can hold.
 *
 *  Integers are numbers where a double holds them, else text; decimals are numbers up to 15 digits, else text; dates
 *  and times are ISO 8601; blobs, UUIDs and intervals are as `JsonDuckDBValueConverter` gives them. A double stays a
 *  number even where it is NaN or infinite, which `JSON.stringify` writes as `null`.
 *
 *  @param duckdb The loaded module: importing it takes a quarter of a second, so that is left to who opens a file.
 */
export function jsonValueConverter(duckdb: typeof import('@duckdb/node-api')): DuckDBValueConverter<JsonValue> {
  const { DuckDBTypeId, JsonDuckDBValueConverter } = duckdb
  const otherwise = JsonDuckDBValueConverter as DuckDBValueConverter<JsonValue>
  return (value, type, convert) => {
    if (value === null) return null
    switch (type.typeId) {
      case DuckDBTypeId.FLOAT:
      case DuckDBTypeId.DOUBLE:
        return value as number
      case DuckDBTypeId.BIGINT:
      case DuckDBTypeId.UBIGINT:
      case DuckDBTypeId.HUGEINT:
      case DuckDBTypeId.UHUGEINT:
        return safeNumber(value as bigint)
      case DuckDBTypeId.DECIMAL: {
        const decimal = value as DuckDBDecimalValue
        return decimal.width <= exactDecimalDigits ? decimal.toDouble() : decimal.toString()
      }
      case DuckDBTypeId.TIMESTAMP:
      case DuckDBTypeId.TIMESTAMP_S:
      case DuckDBTypeId.TIMESTAMP_MS:
      case DuckDBTypeId.TIMESTAMP_NS:
      case DuckDBTypeId.TIMESTAMP_TZ:
        return isoTimestamp(value)
      default:
        return otherwise(value, type, convert)
    }
  }
}

function safeNumber(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

/** `2026-01-31 12:00:00+00` as `2026-01-31T12:00:00+00:00`. */
function isoTimestamp(value: DuckDBValue): string {
  return String(value)
    .replace(' ', 'T')
    .replace(/[+-]\d\d$/, '$&:00')
}

/** A scale of intervals, from least to largest. */
export interface IntervalScale {
  readonly least: number
  readonly largest: number
}

/** A scale that holds all of these values. */
export function intervalScale(values: readonly (number | null)[], also: readonly number[] = []): IntervalScale {
  // What is not a number, as of a model that diverged, has no place.
  const known = [...values.filter((value) => Number.isFinite(value)), ...also] as number[]
  if (known.length === 0) return { least: 0, largest: 1 }
  const least = Math.min(...known)
  const largest = Math.max(...known)
  const margin = (largest - least) * 0.04 || 1
  return { least: least - margin, largest: largest + margin }
}

const width = 72
const height = 16

/** An estimate with its interval, drawn; the numbers stand beside it. */
export function Interval(props: {
  value: number | null
  low: number | null
  high: number | null
  scale: IntervalScale
  /** Where a line is drawn. */
  origin?: number
}) {
  const { value, low, high, scale, origin } = props
  if (!Number.isFinite(value)) return null
  const x = (at: number) => (width * (at - scale.least)) / (scale.largest - scale.least)
  const middle = height / 2
  return (
    <svg class="interval" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {origin !== undefined && <line class="origin" x1={x(origin)} x2={x(origin)} y1={0} y2={height} />}
      {low !== null && high !== null && <line x1={x(low)} x2={x(high)} y1={middle} y2={middle} />}
      {low !== null && <line x1={x(low)} x2={x(low)} y1={4} y2={height - 4} />}
      {high !== null && <line x1={x(high)} x2={x(high)} y1={4} y2={height - 4} />}
      <circle cx={x(value!)} cy={middle} r={3.5} />
    </svg>
  )
}

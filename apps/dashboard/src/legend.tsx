import { palette } from './curves-chart.ts'

/** What the colours of a chart mean; with `onToggle`, each turns on or off by itself. */
export function Legend(props: {
  label: string
  names: readonly string[]
  chosen?: readonly string[]
  onToggle?: (name: string) => void
}) {
  const { label, names, chosen = [], onToggle } = props
  return (
    <ul class="legend" aria-label={label}>
      {names.map((name, index) => {
        const swatch = (
          <span class="swatch" style={{ background: palette[index % palette.length] }} aria-hidden="true" />
        )
        return (
          <li key={name}>
            {onToggle === undefined ? (
              <>
                {swatch} {name}
              </>
            ) : (
              <button
                type="button"
                class="chip"
                aria-pressed={chosen.includes(name)}
                data-quiet={chosen.length > 0 && !chosen.includes(name)}
                onClick={() => onToggle(name)}
              >
                {swatch} {name}
              </button>
            )}
          </li>
        )
      })}
    </ul>
  )
}

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { changeAddress } from './address.ts'
import type { Asked } from './use-query.ts'

/** Why something could not be done; nothing where it was. */
export function Failure({ message }: { message: string | null }) {
  if (message === null) return null
  return (
    <p class="error" role="alert">
      {message}
    </p>
  )
}

/** What there is to say instead of rows, or above them. */
export function Status({ of, empty }: { of: Asked<unknown>; empty: string }) {
  if (of.error !== null) return <Failure message={of.error} />
  if (of.rows === null) return of.isPending ? <p class="quiet">Loading …</p> : null
  return of.rows.length === 0 ? <p class="quiet">{empty}</p> : null
}

/** One of several values of a parameter of the address. */
export function Choice(props: {
  label: string
  name: string
  params: URLSearchParams
  options: readonly string[]
  /** What stands for none; left out: one must be chosen. */
  all?: string
  value?: string
}) {
  const { label, name, params, options, all, value = params.get(name) ?? '' } = props
  const choose = (chosen: string) => changeAddress({ [name]: chosen, page: null })
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {all !== undefined && <option value="">{all}</option>}
        {value !== '' && !options.includes(value) && <option value={value}>{value}</option>}
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  )
}

/** A text that is being typed, until its value is changed from elsewhere. */
export function useDraft(value: string): readonly [string, (text: string) => void] {
  const [draft, setDraft] = useState(value)
  useEffect(() => setDraft(value), [value])
  return [draft, setDraft]
}

/** A bound of barriers, in nats, as a parameter of the address. */
export function Bound({ label, name, value }: { label: string; name: string; value: number | null }) {
  const [draft, setDraft] = useDraft(value === null ? '' : String(value))
  return (
    <label>
      {label}
      <input
        type="number"
        step="any"
        class="short"
        value={draft}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onChange={(event) => changeAddress({ [name]: event.currentTarget.value, page: null })}
      />
    </label>
  )
}

/** A table that scrolls in its own frame. */
export function TableFrame({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="frame" aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}

/** A heading of a column that sorts.
 *
 *  @param sort The column of the order, with `-` before it where the largest are first.
 */
export function SortHeading(props: { name: string; sort: string; label: string; title?: string; isNumber?: boolean }) {
  const { name, sort, label, title, isNumber } = props
  const direction = sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : undefined
  const next = direction === 'ascending' ? `-${name}` : name
  return (
    <th scope="col" aria-sort={direction} class={isNumber ? 'number' : undefined} title={title}>
      <button type="button" class="plain" onClick={() => changeAddress({ sort: next, page: null })}>
        {label}
        {direction !== undefined && (
          <span aria-hidden="true" class="arrow">
            {direction === 'ascending' ? '▲' : '▼'}
          </span>
        )}
      </button>
    </th>
  )
}

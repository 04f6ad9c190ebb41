import { useEffect, useState } from 'preact/hooks'

/** What the page shows: a view and its state. Both are in the fragment of the URL, so that each can be shared. */
export interface Address {
  readonly view: string
  readonly params: URLSearchParams
}

/** Values of parameters; those that are null or empty are left out. */
export type AddressParams = Readonly<Record<string, string | number | readonly string[] | null | undefined>>

/** Read `#/view?name=value`. Without a view: the studies. */
export function parseAddress(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  return { view: path === '' ? 'studies' : path, params: new URLSearchParams(query) }
}

/** A number of the address; null where there is none. */
export function numberOf(params: URLSearchParams, name: string): number | null {
  const text = (params.get(name) ?? '').trim()
  return text === '' || !Number.isFinite(Number(text)) ? null : Number(text)
}

/** The link to a view. */
export function hrefOf(view: string, params: AddressParams = {}): string {
  const query = withChanges(new URLSearchParams(), params).toString()
  return `#/${view}${query === '' ? '' : `?${query}`}`
}

/** The link to the view that is shown, with other parameters. */
export function hrefWith(changes: AddressParams): string {
  const { view, params } = parseAddress(location.hash)
  const query = withChanges(params, changes).toString()
  return `#/${view}${query === '' ? '' : `?${query}`}`
}

/** Change parameters of the view that is shown.
 *
 *  @param how `push`: the browser's back button undoes it.
 */
export function changeAddress(changes: AddressParams, how: 'push' | 'replace' = 'push'): void {
  const hash = hrefWith(changes)
  if (hash === location.hash) return
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', hash)
  dispatchEvent(new HashChangeEvent('hashchange'))
}

/** The address now, and after each change of it. */
export function useAddress(): Address {
  const [address, setAddress] = useState(() => parseAddress(location.hash))
  useEffect(() => {
    const changed = () => setAddress(parseAddress(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return address
}

function withChanges(params: URLSearchParams, changes: AddressParams): URLSearchParams {
  const changed = new URLSearchParams(params)
  for (const [name, value] of Object.entries(changes)) {
    changed.delete(name)
    const values = Array.isArray(value) ? value : [value]
    for (const one of values) if (one !== null && one !== undefined && one !== '') changed.append(name, String(one))
  }
  return changed
}

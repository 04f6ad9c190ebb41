import { useEffect, useState } from 'preact/hooks'

const key = 'isthmus-ticked'

let ticked: ReadonlySet<string> = new Set(JSON.parse(sessionStorage.getItem(key) ?? '[]') as string[])
const listeners = new Set<(now: ReadonlySet<string>) => void>()

/** The results that are ticked to be compared, on whatever page of the table, for as long as the browser’s tab is open. */
export function useTicked(): readonly [ReadonlySet<string>, (next: ReadonlySet<string>) => void] {
  const [now, setNow] = useState(ticked)
  useEffect(() => {
    listeners.add(setNow)
    return () => {
      listeners.delete(setNow)
    }
  }, [])
  return [now, setTicked]
}

function setTicked(next: ReadonlySet<string>): void {
  ticked = next
  sessionStorage.setItem(key, JSON.stringify([...next]))
  for (const listener of listeners) listener(next)
}

/** A set with an element, or without it. */
export function toggled(set: ReadonlySet<string>, element: string): ReadonlySet<string> {
  const next = new Set(set)
  if (!next.delete(element)) next.add(element)
  return next
}

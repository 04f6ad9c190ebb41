import { useEffect, useRef, useState } from 'preact/hooks'
import { disconnectChart } from './mosaic.ts'

/** A figure that Mosaic draws, as wide as there is room.
 *
 *  @param build Makes it for a width in pixels; it is made anew when `version` or the width changes.
 *  @param label What it shows, for those who do not see it.
 */
export function Chart(props: { label: string; version: string; build: (width: number) => Element }) {
  const { label, version, build } = props
  const frame = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)))
    observer.observe(frame.current!)
    return () => observer.disconnect()
  }, [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` says when what `build` makes is another
  useEffect(() => {
    if (width === 0) return
    const chart = build(width)
    frame.current!.replaceChildren(chart)
    return () => disconnectChart(chart)
  }, [width, version])
  return <div ref={frame} class="chart" role="img" aria-label={label} />
}

import { useEffect, useRef, useState } from 'preact/hooks'
import { disconnectChart } from './mosaic.ts'

/** A figure is not made anew for a change that is smaller, in pixels. */
const widthStep = 20

/** A figure that Mosaic draws, as wide as there is room.
 *
 *  @param build Makes it for a width in pixels; it is made anew when the width or `version`, which is compared as it is, changes.
 *  @param label What it shows, for those who do not see it.
 */
export function Chart(props: { label: string; version: unknown; build: (width: number) => Element }) {
  const { label, version, build } = props
  const frame = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) =>
      setWidth(widthStep * Math.floor(entry!.contentRect.width / widthStep)),
    )
    observer.observe(frame.current!)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    if (width === 0) return
    const chart = build(width)
    // The last figure stays until this one is drawn.
    const drawn = new MutationObserver(() => {
      if (chart.querySelector('svg') === null) return
      drawn.disconnect()
      frame.current!.replaceChildren(chart)
    })
    drawn.observe(chart, { childList: true, subtree: true })
    return () => {
      drawn.disconnect()
      disconnectChart(chart)
    }
  }, [width, version])
  return <div ref={frame} class="chart" role="img" aria-label={label} />
}

/** A colour as red, green and blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number]

const negative: Color = [64, 150, 214]
const positive: readonly Color[] = [
  [255, 255, 255],
  [246, 160, 112],
  [196, 50, 44],
  [84, 4, 24],
]

/** The colour of a correlation, from −1 to 1 in units of the scale's end: white at 0, towards red above, blue below.
 *
 *  The red end is far darker than the blue one, so that the sign of what is strong can be told in a grey print.
 */
export function correlationColor(value: number): Color {
  const size = Math.min(1, Math.abs(value))
  if (value < 0) return mix([255, 255, 255], negative, size)
  const place = size * (positive.length - 1)
  const below = Math.min(positive.length - 2, Math.floor(place))
  return mix(positive[below]!, positive[below + 1]!, place - below)
}

function mix(from: Color, to: Color, weight: number): Color {
  const channel = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * weight)
  return [channel(0), channel(1), channel(2)]
}

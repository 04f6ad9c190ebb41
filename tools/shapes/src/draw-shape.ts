import type { RandomStream } from '@isthmus/corpus'
import type { Color } from '@isthmus/figures'

/** The side of an image in pixels. */
export const imageSize = 32

/** An image whose pixels are indices into a palette. */
export interface PaletteImage {
  /** Row by row, `[imageSize, imageSize]`. */
  readonly pixels: Uint8Array
  /** Two colours of the background, two of the shape. */
  readonly palette: readonly Color[]
}

/** Whether a point lies in a shape that reaches from −1 to 1. */
type Shape = (u: number, v: number) => boolean

/** The classes, by name. No two are one another's image under rotation. */
export const shapes: Readonly<Record<string, Shape>> = {
  bar: (u, v) => Math.abs(u) < 1 && Math.abs(v) < 0.3,
  circle: (u, v) => u * u + v * v < 0.8,
  crescent: (u, v) => u * u + v * v < 1 && (u - 0.5) * (u - 0.5) + v * v > 0.64,
  cross: (u, v) => Math.min(Math.abs(u), Math.abs(v)) < 0.28 && Math.max(Math.abs(u), Math.abs(v)) < 1,
  ring: (u, v) => u * u + v * v < 1 && u * u + v * v > 0.35,
  square: (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.8,
  star: (u, v) => Math.sqrt(Math.abs(u)) + Math.sqrt(Math.abs(v)) < 1.1,
  triangle: (u, v) => v > -0.5 && v < 1 - 1.75 * Math.abs(u),
}

/** Which of two colours a pixel has. */
type Texture = (x: number, y: number, period: number) => boolean

const textures: readonly Texture[] = [
  (x, y, period) => (x + y) % period < period / 2,
  (_x, y, period) => y % period < period / 2,
  (x, _y, period) => x % period < period / 2,
  (x, y, period) => Math.floor(x / period) % 2 === Math.floor(y / period) % 2,
  (x, y, period) => x % period === 0 && y % period === 0,
]

/** Draw a textured shape on a textured ground: its place, size, direction, colours and textures are the stream's.
 *
 *  Only operations that IEEE 754 fixes to the bit are used, so that an image is the same on every machine; directions are
 *  therefore rational points of the circle, `((1 − t²) / (1 + t²), 2t / (1 + t²))`.
 */
export function drawShape(contains: Shape, stream: RandomStream): PaletteImage {
  const radius = 8 + 5 * stream.uniform()
  const place = () => radius + (imageSize - 2 * radius) * stream.uniform()
  const [centreX, centreY] = [place(), place()]
  const t = 2 * stream.uniform() - 1
  const turn = stream.index(2) === 0 ? 1 : -1
  const [cosine, sine] = [(turn * (1 - t * t)) / (1 + t * t), (2 * t) / (1 + t * t)]
  const [ground, figure] = [drawTexture(stream), drawTexture(stream)]
  const pixels = Uint8Array.from({ length: imageSize * imageSize }, (_, i) => {
    const [x, y] = [i % imageSize, Math.floor(i / imageSize)]
    const [dx, dy] = [(x + 0.5 - centreX) / radius, (y + 0.5 - centreY) / radius]
    const isFigure = contains(cosine * dx + sine * dy, cosine * dy - sine * dx)
    return isFigure ? 2 + Number(figure(x, y)) : Number(ground(x, y))
  })
  return { pixels, palette: drawPalette(stream) }
}

function drawTexture(stream: RandomStream): (x: number, y: number) => boolean {
  const texture = textures[stream.index(textures.length)]!
  const period = 2 + stream.index(5)
  return (x, y) => texture(x, y, period)
}

/** How far apart the colours of shape and ground are at least, summed over red, green and blue. */
const leastContrast = 200

/** Two like colours of the ground and two of the shape, apart from each other. */
function drawPalette(stream: RandomStream): Color[] {
  const channel = () => stream.index(256)
  for (;;) {
    const [ground, figure]: readonly [Color, Color] = [
      [channel(), channel(), channel()],
      [channel(), channel(), channel()],
    ]
    const contrast = ground.reduce((sum, value, i) => sum + Math.abs(value - figure[i]!), 0)
    if (contrast >= leastContrast) return [ground, near(ground, stream), figure, near(figure, stream)]
  }
}

function near(color: Color, stream: RandomStream): Color {
  const shift = (value: number) => Math.min(255, Math.max(0, value + stream.index(121) - 60))
  const [red, green, blue] = color
  return [shift(red), shift(green), shift(blue)]
}

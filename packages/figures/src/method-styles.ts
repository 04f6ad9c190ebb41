/** How a method is drawn. Colour, dash and marker each tell methods apart, so that a grey print does too. */
export interface MethodStyle {
  readonly color: string
  /** SVG's `stroke-dasharray`; `none` for a solid line. */
  readonly dash: string
  /** A symbol of Observable Plot. */
  readonly symbol: 'circle' | 'square' | 'triangle' | 'diamond' | 'cross' | 'star' | 'wye'
  /** Whether the marker is filled, or an outline on white. */
  readonly filled: boolean
}

/** Okabe and Ito's colours, which people with any colour vision tell apart; without yellow, too pale for lines. */
const colors = ['#000000', '#0072b2', '#d55e00', '#009e73', '#b0548a', '#e69f00', '#3f9fd8'] as const
const dashes = ['none', '7 3', '2 3', '9 3 2 3', '4 2', '12 3 2 3 2 3'] as const
const symbols = ['circle', 'square', 'triangle', 'diamond', 'cross', 'star', 'wye'] as const

/** Choose a style for each method: the same in every figure that shows the same methods.
 *
 *  `vanilla`, with which all are compared, is the solid black line also where it is missing; the others follow in the
 *  order of their names. Forty-two differ in dash or marker, and the first seven also in colour.
 *
 *  @param methods In any order.
 *  @param further Names of other lines, which come after the methods.
 *  @see Okabe and Ito (2008), Color Universal Design.
 */
export function methodStyles(
  methods: readonly string[],
  further: readonly string[] = [],
): ReadonlyMap<string, MethodStyle> {
  const names = new Set(['vanilla', ...methods.toSorted(), ...further.toSorted()])
  return new Map([...names].map((name, index) => [name, styleAt(index)]))
}

function styleAt(index: number): MethodStyle {
  return {
    color: colors[index % colors.length]!,
    dash: dashes[index % dashes.length]!,
    symbol: symbols[index % symbols.length]!,
    filled: index < symbols.length,
  }
}

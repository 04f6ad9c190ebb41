import { boxSize, type Lineage, type PlacedNode } from './lineage.ts'

/** A lineage, drawn from left to right; each box can be reached by the keyboard and says what it is.
 *
 *  @param chosen The id of the box that is told about.
 */
export function LineageGraph(props: { lineage: Lineage; chosen: string | null; onChoose: (id: string) => void }) {
  const { lineage, chosen, onChoose } = props
  const { nodes, edges, width, height } = lineage
  const places = [...nodes].sort((one, other) => one.x - other.x || one.y - other.y)
  return (
    <svg class="lineage" width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <title>What led to the result, from left to right</title>
      {edges.map((points, index) => (
        <path key={index} d={pathOf(points)} />
      ))}
      {places.map((node) => (
        <Box key={node.id} node={node} isChosen={node.id === chosen} onChoose={onChoose} />
      ))}
    </svg>
  )
}

function Box(props: { node: PlacedNode; isChosen: boolean; onChoose: (id: string) => void }) {
  const { node, isChosen, onChoose } = props
  const { id, kind, title, detail, x, y } = node
  const { width, height } = boxSize
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button
    <g
      class={`box ${kind}`}
      transform={`translate(${x - width / 2} ${y - height / 2})`}
      role="button"
      tabindex={0}
      aria-pressed={isChosen}
      aria-label={`${kind} ${title}, ${detail}`}
      onClick={() => onChoose(id)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        onChoose(id)
      }}
    >
      <rect width={width} height={height} rx={4} />
      <text x={9} y={17}>
        {shortened(title)}
      </text>
      <text x={9} y={33} class="detail">
        {shortened(detail)}
      </text>
    </g>
  )
}

const characters = 24

function shortened(text: string): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`
}

/** A smooth line through the points. */
function pathOf(points: readonly { readonly x: number; readonly y: number }[]): string {
  const [first, ...rest] = points
  const last = rest.at(-1)!
  const middles = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1]!
    const end = index === rest.length - 2 ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 }
    return `Q${point.x} ${point.y} ${end.x} ${end.y}`
  })
  return `M${first!.x} ${first!.y}${middles.length === 0 ? `L${last.x} ${last.y}` : middles.join('')}`
}

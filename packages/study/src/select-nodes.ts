import { type Node, nodesOf } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'

/** Before the beginning of a node's identity, in a pattern. */
const keyPrefix = 'key:'
/** Digits of an identity that tell it from any other. */
const identityDigits = 12
const shownLabels = 5

/** Choose nodes among those that targets need.
 *
 *  A pattern is a text that the label of a node contains, `gate ffn on seed-1`; the id of its operation,
 *  `evaluation.interpolated-loss`; either of these with `*` for any text and `?` for a character; or `key:` and the beginning
 *  of a node's identity, as `nodePattern` writes it.
 *  @param patterns A node is chosen that matches any of them. None: the targets themselves.
 *  @throws {UserError} naming a pattern that matches no node, and some labels that there are.
 */
export function selectNodes(targets: readonly Node[], patterns: readonly string[]): readonly Node[] {
  if (patterns.length === 0) return targets
  const nodes = nodesOf(targets)
  const chosen = new Set<Node>()
  for (const pattern of patterns) {
    const matches = matcherOf(pattern)
    const found = nodes.filter(matches)
    if (found.length === 0) throw nothingMatches(pattern, nodes)
    for (const node of found) chosen.add(node)
  }
  return [...chosen]
}

/** The pattern by which a node, and no other, is chosen. */
export function nodePattern({ identity }: Node): string {
  return keyPrefix + identity.slice(0, identityDigits)
}

function matcherOf(pattern: string): (node: Node) => boolean {
  if (pattern.startsWith(keyPrefix)) {
    const beginning = pattern.slice(keyPrefix.length)
    return ({ identity }) => beginning !== '' && identity.startsWith(beginning)
  }
  if (!/[*?]/.test(pattern)) return ({ label, operation }) => operation.id === pattern || label.includes(pattern)
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&')
  const glob = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su')
  return ({ label, operation }) => glob.test(label) || glob.test(operation.id)
}

function nothingMatches(pattern: string, nodes: readonly Node[]): UserError {
  const labels = [...new Map(nodes.map(({ operation, label }) => [operation.id, label])).values()]
  const shown = labels.slice(0, shownLabels).map((label) => `'${label}'`)
  return new UserError(
    `--only ${pattern}: none of the ${nodes.length} steps has such a label or operation; there are ${shown.join(', ')} and ` +
      'others, which isthmus plan --explain lists',
  )
}

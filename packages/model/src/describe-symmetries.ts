import type { PermutableAxis, Symmetries } from './symmetries.ts'

/** Describe what may be permuted, one line for each free axis and each group of heads.
 *
 *      residual: 128 features, 58 axes of 57 parameters
 *      heads.0: 4 heads, with queryKey.0 (4 × 32 features) and attention.0 (4 × 32 features)
 */
export function describeSymmetries({ axes }: Symmetries): string[] {
  const groups = new Map<string, PermutableAxis[]>()
  for (const axis of axes) {
    const key = axis.heads?.group ?? axis.name
    groups.set(key, [...(groups.get(key) ?? []), axis])
  }
  return [...groups].map(([name, group]) => {
    const { heads, size, members } = group[0]!
    if (heads === null) {
      const parameters = new Set(members.map(({ parameter }) => parameter)).size
      return `${name}: ${size} features, ${members.length} axes of ${parameters} parameters`
    }
    const within = group.map((axis) => `${axis.name} (${heads.numHeads} × ${axis.size / heads.numHeads} features)`)
    return `${name}: ${heads.numHeads} heads, with ${within.join(' and ')}`
  })
}

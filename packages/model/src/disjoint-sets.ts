/** Sets of names that only ever merge: union–find with path halving. A name that was never merged is a set of its own.
 *
 *  @see Tarjan & van Leeuwen (1984), Worst-case analysis of set union algorithms.
 */
export class DisjointSets {
  readonly #parents = new Map<string, string>()

  /** The name that stands for the set of `name`. */
  find(name: string): string {
    let current = name
    for (let parent = this.#parents.get(current); parent !== undefined; parent = this.#parents.get(current)) {
      const grandparent = this.#parents.get(parent)
      if (grandparent !== undefined) this.#parents.set(current, grandparent)
      current = parent
    }
    return current
  }

  /** Merge the sets of two names. */
  union(a: string, b: string): void {
    const [rootA, rootB] = [this.find(a), this.find(b)]
    if (rootA !== rootB) this.#parents.set(rootB, rootA)
  }
}

/** Items, first in, first out. Taking one costs the same however many there are: `Array.shift` moves all the others, which for a
 *  hundred thousand takes as long as all else that is done for a node.
 */
export class Fifo<Item> {
  #items: (Item | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** Take the first; undefined when there is none. */
  shift(): Item | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#first]
    this.#items[this.#first++] = undefined
    if (2 * this.#first > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}

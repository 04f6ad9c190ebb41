/** What is classified: a text and its label. */
export interface Labelled {
  readonly text: string
  readonly label: string
}

/** Train multinomial naive Bayes on bags of words.
 *
 *      label(x) = argmax_c [ln P(c) + Σ_w n_w(x) ln P(w | c)],   P(w | c) = (n_w(c) + 1) / (Σ_v n_v(c) + V)
 *
 *  Words are in lower case, a punctuation mark is a word; those that training did not see are passed over. Of equal classes
 *  the first wins.
 *  @returns The index of the class of a text.
 *  @see McCallum & Nigam (1998), A comparison of event models for naive Bayes text classification.
 */
export function naiveBayes(training: readonly Labelled[], classes: readonly string[]): (text: string) => number {
  const counts = classes.map(() => new Map<string, number>())
  const totals = classes.map(() => 0)
  const priors = classes.map((name) => training.filter(({ label }) => label === name).length)
  const vocabulary = new Set<string>()
  for (const { text, label } of training) {
    const c = classes.indexOf(label)
    for (const word of bagOfWords(text)) {
      vocabulary.add(word)
      counts[c]!.set(word, (counts[c]!.get(word) ?? 0) + 1)
      totals[c]!++
    }
  }
  return (text) => {
    const words = bagOfWords(text).filter((word) => vocabulary.has(word))
    const scores = classes.map((_, c) =>
      words.reduce(
        (sum, word) => sum + Math.log(((counts[c]!.get(word) ?? 0) + 1) / (totals[c]! + vocabulary.size)),
        Math.log(priors[c]!),
      ),
    )
    return scores.indexOf(Math.max(...scores))
  }
}

function bagOfWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []
}

/** The character that stands for each byte in a byte-level vocabulary: itself where it prints, else one from U+0100 on.
 *
 *  @see Radford et al. (2019), §2.2, and `bytes_to_unicode` of the code released with it.
 */
export function byteCharacters(): string[] {
  const prints = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(prints(byte) ? byte : next++))
}

/** A byte-level vocabulary: special tokens, the bytes, then each merge's result, in the order of their ids. */
export function byteLevelFiles(special: readonly string[], merges: readonly (readonly [string, string])[]) {
  const tokens = [...special, ...byteCharacters(), ...merges.map(([left, right]) => left + right)]
  const vocabulary = Object.fromEntries(tokens.map((token, id) => [token, id]))
  const text = ['#version: 0.2', ...merges.map((pair) => pair.join(' ')), ''].join('\n')
  return { tokens, vocabulary, 'vocab.json': JSON.stringify(vocabulary), 'merges.txt': text }
}

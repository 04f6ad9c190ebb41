/** What a map has for a key; made, and kept there, the first time that it is asked for.
 *
 *  @param key Anything that JSON can hold: equal text is an equal key.
 */
export function remembered<Value>(map: Map<string, Value>, key: unknown, make: () => Value): Value {
  const text = JSON.stringify(key)
  const known = map.get(text)
  if (known !== undefined) return known
  const made = make()
  map.set(text, made)
  return made
}

/** Find a name that one object of a JSON text gives twice; `JSON.parse` would keep the last in silence.
 *
 *  @param json A text that `JSON.parse` accepts.
 *  @returns The first such name, or null.
 */
export function findDuplicateKey(json: string): string | null {
  /** One entry for each open bracket: the names so far of an object, null for an array. */
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(null)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(json, i)
      if (isFollowedByColon(json, end)) {
        const key: string = JSON.parse(json.slice(i, end))
        const keys = open.at(-1)
        if (keys?.has(key)) return key
        keys?.add(key)
      }
      i = end - 1
    }
  }
  return null
}

/** The index behind the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let i = start + 1
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
  return i + 1
}

function isFollowedByColon(json: string, start: number): boolean {
  let i = start
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++
  return json[i] === ':'
}

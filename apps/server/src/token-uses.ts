import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

/** A day by the hash of a token. */
const usesSchema = z.record(z.string(), z.iso.date())

/** Where the days are on which the tokens of a home folder were last used; only its server writes there. */
export function tokenUsesPath(home: string): string {
  return join(home, 'server', 'token-uses.json')
}

/** The days on which tokens were last used (UTC), by their hashes. A file that cannot be read says of none. */
export function readTokenUses(home: string): ReadonlyMap<string, string> {
  const path = tokenUsesPath(home)
  if (!existsSync(path)) return new Map()
  try {
    return new Map(Object.entries(usesSchema.parse(JSON.parse(readFileSync(path, 'utf8')))))
  } catch {
    return new Map()
  }
}

/** Writes down on which day a token was used: once a day, so that it costs nothing, and says nothing of when. */
export class TokenUses {
  readonly #home: string
  readonly #days: Map<string, string>

  constructor(home: string) {
    this.#home = home
    this.#days = new Map(readTokenUses(home))
  }

  /** A token was used now. A day that cannot be written is written with the next one that can. */
  note(hash: string, now = new Date()): void {
    const day = now.toISOString().slice(0, 10)
    if (this.#days.get(hash) === day) return
    this.#days.set(hash, day)
    try {
      this.#write()
    } catch {
      // A full disk must not keep anybody from being known.
    }
  }

  #write(): void {
    const path = tokenUsesPath(this.#home)
    const temporary = `${path}.tmp`
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(temporary, `${JSON.stringify(Object.fromEntries(this.#days), null, 2)}\n`, { mode: 0o600 })
    renameSync(temporary, path)
  }
}

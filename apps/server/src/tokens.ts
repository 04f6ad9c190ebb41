import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { nameSchema, type Role, roleSchema } from '@isthmus/remote'
import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import { readTokenUses, TokenUses } from './token-uses.ts'

const tokenSchema = z.object({
  name: nameSchema,
  role: roleSchema,
  /** SHA-256 of the token, in hexadecimal. */
  hash: z.string(),
  createdAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().nullable(),
})

/** A token as the server knows it: never the token itself. */
export type Token = z.infer<typeof tokenSchema>

/** Who has no token: a run on the server’s machine; and how one names oneself. */
const reservedNames = ['local', 'own']
const lockMilliseconds = 10_000
const pauseMilliseconds = 20

const fileSchema = z.object({ tokens: z.array(tokenSchema) })

/** Where the tokens of a home folder are: `server/tokens.json`, readable by its owner alone. */
export function tokensPath(home: string): string {
  return join(home, 'server', 'tokens.json')
}

/** A token, and the day (UTC) on which it was last used; null where it never was. */
export interface ListedToken extends Token {
  readonly lastUsedOn: string | null
}

/** All tokens, those that were revoked, too, in the order in which they were made.
 *
 *  @throws {UserError} when the file cannot be read.
 */
export function listTokens(home: string): ListedToken[] {
  const uses = readTokenUses(home)
  return readTokens(home).map((token) => ({ ...token, lastUsedOn: uses.get(token.hash) ?? null }))
}

function readTokens(home: string): readonly Token[] {
  const path = tokensPath(home)
  if (!existsSync(path)) return []
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).tokens
  } catch (error) {
    throw new UserError(
      `${path} cannot be read (${(error as Error).message}): restore it, or remove it and make tokens anew`,
    )
  }
}

/** Make a token.
 *
 *  @param name Whose it is: what it gives is written down under that name.
 *  @returns The token, which cannot be had again.
 *  @throws {UserError} when there is one of that name, the name is no single line of text, or the file cannot be written.
 */
export function createToken(home: string, name: string, role: Role): string {
  if (!nameSchema.safeParse(name).success)
    throw new UserError(`'${name}' cannot be the name of a token: give one line of text`)
  if (reservedNames.includes(name))
    throw new UserError(`'${name}' has a meaning of its own: give the token another name`)
  const token = `isthmus_${randomBytes(32).toString('base64url')}`
  changeTokens(home, (tokens) => {
    if (tokens.some((known) => known.name === name && known.revokedAt === null)) {
      throw new UserError(`There is a token '${name}' already: revoke it first, or give another name`)
    }
    return [...tokens, { name, role, hash: hashToken(token), createdAt: new Date().toISOString(), revokedAt: null }]
  })
  return token
}

/** Make a token worth nothing, at once, also for a server that runs.
 *
 *  @throws {UserError} when there is none of that name.
 */
export function revokeToken(home: string, name: string): void {
  changeTokens(home, (tokens) => {
    if (!tokens.some((known) => known.name === name && known.revokedAt === null)) {
      const names = tokens.flatMap((known) => (known.revokedAt === null ? [known.name] : [])).join(', ') || 'none'
      throw new UserError(`There is no token '${name}': there are ${names}`)
    }
    const revokedAt = new Date().toISOString()
    return tokens.map((known) => (known.name === name && known.revokedAt === null ? { ...known, revokedAt } : known))
  })
}

/** The tokens of a home folder, read again when their file has changed. */
export class TokenRing {
  readonly #home: string
  readonly #uses: TokenUses
  #state = ''
  #byHash: ReadonlyMap<string, Token> = new Map()
  #hadAny = false

  constructor(home: string) {
    this.#home = home
    this.#uses = new TokenUses(home)
  }

  /** Whether any token is worth something. */
  get isEmpty(): boolean {
    this.#refresh()
    return this.#byHash.size === 0
  }

  /** Whether there ever was one, be it revoked: then requests without a token stay refused. */
  get hadAny(): boolean {
    this.#refresh()
    return this.#hadAny
  }

  /** Whose a token is, which is used now; undefined when it is nobody’s, or was revoked.
   *
   *  It is looked up by its hash, so that the time which that takes tells nothing of tokens.
   */
  find(token: string): Token | undefined {
    this.#refresh()
    const known = this.#byHash.get(hashToken(token))
    if (known !== undefined) this.#uses.note(known.hash)
    return known
  }

  #refresh(): void {
    const stats = statSync(tokensPath(this.#home), { throwIfNoEntry: false, bigint: true })
    const state = stats === undefined ? '' : `${stats.ino} ${stats.mtimeNs} ${stats.size}`
    if (state === this.#state) return
    const tokens = readTokens(this.#home)
    const valid = tokens.filter(({ revokedAt }) => revokedAt === null)
    this.#byHash = new Map(valid.map((token) => [token.hash, token]))
    this.#hadAny = tokens.length > 0
    this.#state = state
  }
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Read, change and write the file, one command at a time. */
function changeTokens(home: string, change: (tokens: readonly Token[]) => readonly Token[]): void {
  const path = tokensPath(home)
  const temporary = `${path}.${process.pid}.tmp`
  const unlock = lock(path)
  try {
    const tokens = change(readTokens(home))
    writeFileSync(temporary, `${JSON.stringify({ tokens }, null, 2)}\n`, { mode: 0o600 })
    renameSync(temporary, path)
  } catch (error) {
    throw error instanceof UserError ? error : notWritten(path, error)
  } finally {
    rmSync(temporary, { force: true })
    unlock()
  }
}

/** @returns Gives the lock back. One that is older than any command takes was left by one that was killed. */
function lock(path: string): () => void {
  const file = `${path}.lock`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    for (;;) {
      try {
        closeSync(openSync(file, 'wx'))
        return () => rmSync(file, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const since = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
      if (Date.now() - since > lockMilliseconds) rmSync(file, { force: true })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMilliseconds)
    }
  } catch (error) {
    throw notWritten(path, error)
  }
}

function notWritten(path: string, error: unknown): UserError {
  return new UserError(`${path} cannot be written (${(error as Error).message}): free the disk, or give permission`)
}

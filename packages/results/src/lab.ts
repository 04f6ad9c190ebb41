import type { QueryParameter, Results } from './open-results.ts'

/** Who gave a server a result. Times are ISO 8601. */
export interface ActionOrigin {
  readonly key: string
  /** Of the value. */
  readonly digest: string
  readonly by: string
  /** The version of isthmus that sent it. */
  readonly isthmus: string
  readonly at: string
}

/** A second value for a key. */
export interface Disagreement {
  readonly key: string
  /** Digest of the value that stays. */
  readonly kept: string
  readonly refused: string
  readonly by: string
  readonly isthmus: string
  readonly at: string
}

/** A note, on what `subject` names. */
export interface Note {
  readonly id: string
  readonly subject: string
  readonly text: string
  readonly by: string
  readonly at: string
}

/** A tag. */
export interface Tag {
  readonly subject: string
  readonly tag: string
  readonly by: string
  readonly at: string
}

/** A query under a name. */
export interface SavedQuery {
  readonly name: string
  readonly sql: string
  readonly by: string
  readonly at: string
}

/** Columns of all tables; `by` and `at` are keywords. */
const written = `author as "by", strftime(made_at, '%Y-%m-%dT%H:%M:%S.%gZ') as "at"`

/** What of a lab cannot be computed again: who gave what, what differed, and what people have written.
 *
 *      lab.action_origin   who gave a server the result of a key
 *      lab.disagreement    a second value for a key, which was refused
 *      lab.note, lab.tag   of people, on a study, a run or a result
 *      lab.saved_query     SQL under a name
 */
export class Lab {
  readonly #results: Results

  /** @param results Open for writing. */
  constructor(results: Results) {
    this.#results = results
  }

  /** Write down who gave results, each for a key that has none, or none any more. */
  async addOrigins(origins: readonly ActionOrigin[]): Promise<void> {
    await this.#insert(
      'insert or replace into lab.action_origin',
      origins.map(({ key, digest, by, isthmus, at }) => [key, digest, by, isthmus, at]),
    )
  }

  /** All origins, in the order in which they arrived. */
  async origins(): Promise<ActionOrigin[]> {
    return this.#results.query(`select key, digest, isthmus, ${written} from lab.action_origin order by made_at`)
  }

  async addDisagreement({ key, kept, refused, by, isthmus, at }: Disagreement): Promise<void> {
    await this.#insert('insert or ignore into lab.disagreement', [[key, kept, refused, by, isthmus, at]])
  }

  /** The latest first. */
  async disagreements(limit: number): Promise<Disagreement[]> {
    return this.#results.query(
      `select key, kept, refused, isthmus, ${written} from lab.disagreement order by made_at desc limit $1`,
      [limit],
    )
  }

  /** Write a note, or one anew that has its id. */
  async putNote({ id, subject, text, by, at }: Note): Promise<void> {
    await this.#insert('insert or replace into lab.note', [[id, subject, text, by, at]])
  }

  /** @param subject Only notes on this. The oldest first. */
  async notes(subject?: string): Promise<Note[]> {
    return this.#results.query(
      `select id, subject, text, ${written} from lab.note where $1 is null or subject = $1 order by made_at, id`,
      [subject ?? null],
    )
  }

  async note(id: string): Promise<Note | undefined> {
    const [note] = await this.#results.query<Note>(`select id, subject, text, ${written} from lab.note where id = $1`, [
      id,
    ])
    return note
  }

  async removeNote(id: string): Promise<void> {
    await this.#results.write('delete from lab.note where id = $1', [id])
  }

  async putTag({ subject, tag, by, at }: Tag): Promise<void> {
    await this.#insert('insert or ignore into lab.tag', [[subject, tag, by, at]])
  }

  /** @param subject Only tags of this. */
  async tags(subject?: string): Promise<Tag[]> {
    return this.#results.query(
      `select subject, tag, ${written} from lab.tag where $1 is null or subject = $1 order by subject, tag`,
      [subject ?? null],
    )
  }

  async removeTag(subject: string, tag: string): Promise<void> {
    await this.#results.write('delete from lab.tag where subject = $1 and tag = $2', [subject, tag])
  }

  async putQuery({ name, sql, by, at }: SavedQuery): Promise<void> {
    await this.#insert('insert or replace into lab.saved_query', [[name, sql, by, at]])
  }

  async queries(): Promise<SavedQuery[]> {
    return this.#results.query(`select name, sql, ${written} from lab.saved_query order by name`)
  }

  async removeQuery(name: string): Promise<void> {
    await this.#results.write('delete from lab.saved_query where name = $1', [name])
  }

  async #insert(statement: string, rows: readonly (readonly QueryParameter[])[]): Promise<void> {
    if (rows.length === 0) return
    const width = rows[0]!.length
    const places = rows.map(
      (_, row) => `(${Array.from({ length: width }, (_, i) => `$${row * width + i + 1}`).join(', ')})`,
    )
    await this.#results.write(`${statement} values ${places.join(', ')}`, rows.flat())
  }
}

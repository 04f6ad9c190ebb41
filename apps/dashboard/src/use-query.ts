import { useEffect, useState } from 'preact/hooks'
import { ask, type Row, rowsOf, runQuery } from './server.ts'
import { useSession } from './session.ts'

/** Rows that are asked for: the last ones stay until the next have come. */
export interface Asked<Result> {
  readonly rows: readonly Result[] | null
  readonly error: string | null
  readonly isPending: boolean
}

/** The rows of a query, again whenever it changes or rows have been recorded.
 *
 *  @param sql Null: there is nothing to ask yet.
 */
export function useQuery<Result extends Row>(sql: string | null): Asked<Result> {
  return useAsked(sql, queriedRows<Result>)
}

/** What people have written, as it is now: what queries see may be a second old.
 *
 *  @param path Of a route after `/v1/`, which answers with one list.
 */
export function useWritten<Result>(path: string): Asked<Result> {
  return useAsked(path, writtenRows<Result>)
}

async function queriedRows<Result extends Row>(sql: string): Promise<readonly Result[]> {
  return rowsOf<Result>(await runQuery(sql))
}

async function writtenRows<Result>(path: string): Promise<readonly Result[]> {
  const answer = (await (await ask(path)).json()) as Readonly<Record<string, readonly Result[]>>
  return Object.values(answer)[0]!
}

/** @param read Must be the same function each time. */
function useAsked<Result>(what: string | null, read: (what: string) => Promise<readonly Result[]>): Asked<Result> {
  const { revision } = useSession()
  const [asked, setAsked] = useState<Asked<Result>>({ rows: null, error: null, isPending: what !== null })
  useEffect(() => {
    if (what === null) return setAsked({ rows: null, error: null, isPending: false })
    // An answer that is not wanted any more is passed over: to abort it would cost the server a process.
    let isWanted = true
    const settle = (settled: Asked<Result>) => {
      if (isWanted) setAsked(settled)
    }
    setAsked((before) => ({ ...before, isPending: true }))
    read(what).then(
      (rows) => settle({ rows, error: null, isPending: false }),
      (error: Error) => settle({ rows: null, error: error.message, isPending: false }),
    )
    return () => {
      isWanted = false
    }
  }, [what, read, revision])
  return asked
}

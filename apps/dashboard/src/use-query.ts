import { useEffect, useState } from 'preact/hooks'
import { type Row, rowsOf, runQuery } from './server.ts'
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
  const { revision } = useSession()
  const [asked, setAsked] = useState<Asked<Result>>({ rows: null, error: null, isPending: sql !== null })
  useEffect(() => {
    if (sql === null) return setAsked({ rows: null, error: null, isPending: false })
    // An answer that is not wanted any more is passed over: to abort it would cost the server a process.
    let isWanted = true
    const settle = (settled: Asked<Result>) => {
      if (isWanted) setAsked(settled)
    }
    setAsked((before) => ({ ...before, isPending: true }))
    runQuery(sql).then(
      (result) => settle({ rows: rowsOf<Result>(result), error: null, isPending: false }),
      (error: Error) => settle({ rows: null, error: error.message, isPending: false }),
    )
    return () => {
      isWanted = false
    }
  }, [sql, revision])
  return asked
}

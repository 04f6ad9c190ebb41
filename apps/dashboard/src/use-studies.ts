import type { Row } from './server.ts'
import { type Asked, useQuery } from './use-query.ts'

/** The names of all studies, the one that ran last first. */
export function useStudies(): Asked<string> {
  const { rows, ...rest } = useQuery<Row & { readonly study: string }>(
    'select study from study_run group by study order by max(started_at) desc',
  )
  return { ...rest, rows: rows?.map(({ study }) => study) ?? null }
}

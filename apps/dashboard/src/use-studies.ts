import type { Row } from './server.ts'
import { useQuery } from './use-query.ts'

/** The names of all studies, the one that ran last first. */
export function useStudies(): readonly string[] {
  const { rows } = useQuery<Row & { readonly study: string }>(
    'select study from study_run group by study order by max(started_at) desc',
  )
  return (rows ?? []).map(({ study }) => study)
}

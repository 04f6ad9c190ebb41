import type { DuckDBConnection } from '@duckdb/node-api'
import type { Results } from './open-results.ts'
import publishedResults from './published-results.json' with { type: 'json' }

/** The dataset of the published curves of masked language modelling. */
const maskedLanguageModelling = 'WikiText-103'

/** A loss barrier that a paper reports, under the names that our studies and methods have. In nats. */
export interface PublishedRow {
  readonly source: string
  /** The study that does here what the paper did there. */
  readonly study: string
  /** The canonical name of the method. */
  readonly method: string
  /** The text or task on which losses were taken. */
  readonly dataset: string
  readonly barrier: number
  /** Standard error over the paper's pairs. */
  readonly stderr: number
}

/** Every published loss barrier, in the order of the paper's tables. */
export const publishedRows: readonly PublishedRow[] = publishedResults.studies.flatMap(({ study, dataset, barriers }) =>
  barriers.map(({ method, barrier, stderr }) => ({
    source: `${publishedResults.source}; ${publishedResults.models}`,
    study,
    method,
    dataset,
    barrier,
    stderr,
  })),
)

/** The published barriers of masked language modelling, which our curves measure too.
 *
 *  @param study Only those of this study.
 */
export async function published(results: Results, study?: string): Promise<PublishedRow[]> {
  return results.query<PublishedRow>(
    `select * from published
     where dataset = '${maskedLanguageModelling}' and study = coalesce($1, study)
     order by study, barrier`,
    [study ?? null],
  )
}

/** The table of what papers report, apart from all that is measured here. */
export const publishedTable = `
create table published (
  source        varchar not null,
  study         varchar not null,
  method        varchar not null,
  dataset       varchar not null,
  barrier       double not null,
  stderr        double not null,
  primary key (study, method, dataset)
);`

/** Our barriers beside the published ones, and whether they put the methods in the same order. */
export const publishedViews = `
create view comparison_order as
with compared as (
  select study, variant, method, leaderboard.barrier, published.barrier as published_barrier, dataset
  from leaderboard join published using (study, method)
  where dataset = '${maskedLanguageModelling}'
)
select study, variant, dataset, one.method, other.method as other_method,
       one.barrier - other.barrier as difference,
       one.published_barrier - other.published_barrier as published_difference,
       sign(one.barrier - other.barrier) = sign(one.published_barrier - other.published_barrier) as agrees
from compared one join compared other using (study, variant, dataset)
where one.method <> other.method;

create view comparison as
with agreement as (
  select study, variant, dataset, method,
         count(*) filter (where agrees) as agreeing,
         count(*)                       as compared
  from comparison_order
  group by study, variant, dataset, method
)
select study, variant, method, dataset,
       leaderboard.barrier, barrier_stderr, barrier_low, barrier_high, symmetry, pairs,
       published.barrier as published_barrier, published.stderr as published_stderr,
       coalesce(agreeing, 0) as agreeing, coalesce(compared, 0) as compared,
       source, settings
from leaderboard
join published using (study, method)
left join agreement using (study, variant, dataset, method)
where dataset = '${maskedLanguageModelling}';`

/** What the table, the views and their columns mean, to be read in the database itself. */
export const publishedComments = `
comment on table published is 'Loss barriers that a paper reports, with its source; nothing here is measured by us';
comment on column published.study is 'The study of ours that does what the paper did';
comment on column published.method is 'The paper''s method by our name for it';
comment on column published.dataset is 'The text or task on which the paper took losses';
comment on column published.stderr is 'Standard error over the paper''s pairs';
comment on view comparison is 'Our barrier beside the published one, for every method that both have, of one study';
comment on column comparison.agreeing is 'Of the other methods that both have, to how many the difference has the same sign here and there';
comment on column comparison.compared is 'How many other methods both have';
comment on view comparison_order is 'Each two methods that both we and a paper have: the difference of their barriers, here and there';
comment on column comparison_order.difference is 'Our barrier of method minus that of other_method';
comment on column comparison_order.published_difference is 'The published barrier of method minus that of other_method';
comment on column comparison_order.agrees is 'Whether the two differences have the same sign';`

/** Put the published rows into their empty table. Runs in the caller's transaction. */
export async function insertPublished(connection: DuckDBConnection): Promise<void> {
  for (const { source, study, method, dataset, barrier, stderr } of publishedRows) {
    await connection.run('insert into published values ($1, $2, $3, $4, $5, $6)', [
      source,
      study,
      method,
      dataset,
      barrier,
      stderr,
    ])
  }
}

import type { DuckDBConnection } from '@duckdb/node-api'
import { curveBarrierComments, curveBarrierTable } from './curve-barrier.ts'
import { curveShapeComments, curveShapeViews } from './curve-shape.ts'
import { leaderboardGroups, leaderboardQuery, quoteIdentifier } from './leaderboard-query.ts'
import { migrations, oldestVersion, schemaVersion } from './migrations.ts'
import { insertPublished, publishedComments, publishedTable, publishedViews } from './published.ts'
import { studentTMacro } from './student-t.ts'

/** The tables of version 4, the oldest that is still read: `migrations` makes of them those of today, in a new file as in
 *  an old one. `rows.ts` has the same columns in the same order; a test compares the two.
 */
const tables = `
create table schema_version (version integer not null);

create table study_run (
  study         varchar not null,
  run           varchar not null,     -- digest of the study's resolved settings
  started_at    timestamp not null,   -- UTC
  finished_at   timestamp,
  settings      json not null,
  nodes_ran     bigint not null,
  nodes_cached  bigint not null,
  nodes_failed  bigint not null,
  seconds       double,
  version       varchar not null,
  primary key (study, run, started_at)
);

create table model (
  digest        varchar primary key,
  name          varchar not null,
  architecture  varchar not null,
  parameters    bigint not null,
  dtype         varchar not null,
  hidden_size   bigint not null,
  layers        bigint not null,
  heads         bigint not null,
  vocabulary    bigint not null,
  source        varchar               -- hf:owner/name@commit, fine-tuned on …; null for a folder
);

create table alignment (
  study         varchar not null,
  run           varchar not null,
  variant       varchar not null,
  settings      json not null,
  pair          varchar not null,
  model_a       varchar not null,
  model_b       varchar not null,
  method        varchar not null,
  key           varchar not null,
  params        json not null,
  symmetry      varchar not null check (symmetry in ('kept', 'broken')),
  max_abs_logit_difference double not null,
  seconds       double,
  tokens        bigint,
  primary key (study, run, variant, pair, method)
);

create table correlation (
  alignment     varchar not null,     -- alignment.key
  site          varchar not null,
  layer         bigint not null,      -- -1 outside the layers
  mean_diagonal_before double not null,
  mean_diagonal_after  double not null,
  primary key (alignment, site, layer)
);

create table curve_point (
  study         varchar not null,
  run           varchar not null,
  variant       varchar not null,
  settings      json not null,
  pair          varchar not null,
  model_a       varchar not null,
  model_b       varchar not null,
  method        varchar not null,
  lam           double not null,
  loss          double not null,
  perplexity    double not null,
  positions     bigint not null,
  digest        varchar not null,
  primary key (study, run, variant, pair, method, lam)
);

create table score (
  study         varchar not null,
  run           varchar not null,
  variant       varchar not null,
  settings      json not null,
  pair          varchar not null,
  model_a       varchar not null,
  model_b       varchar not null,
  method        varchar not null,
  lam           double not null,
  task          varchar not null,
  metric        varchar not null,
  value         double not null,
  primary key (study, run, variant, pair, method, lam, task, metric)
);

create table training (
  study         varchar not null,
  run           varchar not null,
  variant       varchar not null,
  model         varchar not null,
  key           varchar not null,     -- of the training's node
  step          bigint not null,
  loss          double not null,
  learning_rate double not null,
  validation_loss double,
  primary key (study, run, variant, key, step)
);

create table artifact (
  digest        varchar not null,
  operation     varchar not null,
  key           varchar primary key,
  inputs        json not null,
  seconds       double
);`

/** The views. */
const views = `
create view current_run as
select study, arg_max(run, (started_at, run)) as run
from study_run
group by study;

create view curve as
select study, variant, pair, method, lam, loss, perplexity, positions, model_a, model_b, settings
from curve_point semi join current_run using (study, run);

create view barrier as
with measured as (
  from curve_barrier semi join current_run using (study, run)
), aligned as (
  select study, variant, pair, method, symmetry, max_abs_logit_difference, tokens, seconds
  from alignment semi join current_run using (study, run)
), vanilla as (
  select study, variant, pair, barrier as vanilla_barrier from measured where method = 'vanilla'
)
select study, variant, pair, model_a, model_b, method, symmetry, max_abs_logit_difference, tokens, seconds,
       barrier, barrier_linear, midpoint, loss_a, loss_b, points, lam_max,
       barrier - vanilla_barrier as difference_to_vanilla, settings
from measured
left join aligned using (study, variant, pair, method)
left join vanilla using (study, variant, pair);

create view barrier_estimate as
select study, variant, pair, method, model_a, model_b, precision, confidence, barrier, low, high,
       blocks, blocks_in_all, tokens, tokens_in_all, settings
from estimate semi join current_run using (study, run);

create view training_curve as
select study, variant, model, step, loss, learning_rate, validation_loss
from training semi join current_run using (study, run);

create view leaderboard as ${leaderboardQuery(leaderboardGroups)};`

/** What each table, view and column means, to be read in the database itself (`duckdb_columns()`, `duckdb_views()`). */
const comments = `
comment on table study_run is 'Runs of studies; the views show, of each study, the run that started last';
comment on table model is 'Checkpoints';
comment on column model.source is 'Where it was pulled from, hf:owner/name@commit, and the task it was fine-tuned on by a study; NULL for a folder';
comment on table alignment is 'Alignments of B to A, with what the equivalence gate measured';
comment on column alignment.symmetry is 'kept: the method keeps the function of B; broken: it changes it on purpose';
comment on column alignment.max_abs_logit_difference is 'max |logits(aligned B) - logits(B)| on the probe batch';
comment on column alignment.seconds is 'Of all steps that lead from the models and the text to the alignment, shared with others or not';
comment on column alignment.tokens is 'Tokens, or images, of which features were matched, and those that were learned from, as often as they were read; NULL where weights are all';
comment on table correlation is 'Mean of the diagonal of the feature correlation before (identity) and after alignment';
comment on table curve_point is 'Losses between A and aligned B: theta = lam A + (1 - lam) B';
comment on column curve_point.lam is 'lambda: 1 is A, 0 is B (aligned B where the symmetry is broken)';
comment on column curve_point.loss is 'Mean of -ln p over the predictions: masked positions, tokens, texts or images; of a regression the mean squared error';
comment on column curve_point.positions is 'The predictions that it was evaluated on; fewer than its neighbours have where an estimate dropped this lam';
comment on column curve_point.perplexity is 'exp(loss): pseudo-perplexity; of a regression it means nothing';
comment on table estimate is 'Barriers that were taken to a precision, on as few blocks as it needs, drawn at random';
comment on column estimate.precision is 'How narrow the interval was to be, in nats';
comment on column estimate.confidence is 'With which the interval holds the barrier on all blocks';
comment on column estimate.low is 'Lower end of the interval; where all blocks were drawn, the barrier less what rounding leaves';
comment on column estimate.blocks is 'Blocks, or images, that were drawn, of blocks_in_all; a lam that is not the maximum has fewer';
comment on column estimate.tokens is 'Tokens, or images, that models were evaluated on, summed over lam; the ends count for each curve, though they are taken once';
comment on column estimate.tokens_in_all is 'The same if each lam had been evaluated on all of them';
comment on table score is 'Task metrics between A and aligned B';
comment on table training is 'Curves of the trainings of models';
comment on column training.key is 'Of the training''s node: artifact.key';
comment on column training.step is 'Updates of the weights made by then';
comment on column training.loss is 'Mean of the steps'' losses since the point before';
comment on column training.learning_rate is 'Of the last of these steps';
comment on column training.validation_loss is 'On data that is not trained on; NULL where it was not taken';
comment on table artifact is 'Lineage: which operation made which content from which inputs';

comment on view current_run is 'The run of each study that started last';
comment on view curve is 'Loss curves of the current runs';
comment on column curve.lam is 'lambda: 1 is A, 0 is B (aligned B where the symmetry is broken)';
comment on view barrier is 'One row per pair and method: loss barriers by three definitions';
comment on column barrier.barrier is 'max over lam of loss, minus (loss_a + loss_b) / 2 (Verma and Elbayad); NULL without both endpoints';
comment on column barrier.barrier_linear is 'max over lam of [loss - lam loss_a - (1 - lam) loss_b] (Frankle et al.)';
comment on column barrier.midpoint is 'loss at lam = 1/2, minus (loss_a + loss_b) / 2; NULL without that point';
comment on column barrier.loss_a is 'The curve''s own loss at lam = 1: A';
comment on column barrier.loss_b is 'The curve''s own loss at lam = 0: B, or aligned B where the symmetry is broken, as in the paper';
comment on column barrier.points is 'How many lam were evaluated';
comment on column barrier.lam_max is 'The lam of the largest loss; the smallest of them on a tie';
comment on column barrier.difference_to_vanilla is 'barrier minus the barrier of vanilla on the same pair, study and variant';
comment on view barrier_estimate is 'Barriers of the current runs that were taken to a precision: their intervals, and the tokens that they took';
comment on column barrier_estimate.low is 'Lower end of the interval of what the barrier is on all blocks';
comment on column barrier_estimate.high is 'Upper end of that interval';
comment on column barrier_estimate.tokens is 'Tokens, or images, that models were evaluated on, summed over lam';
comment on column barrier_estimate.tokens_in_all is 'The same if each lam had been evaluated on all of them';
comment on view training_curve is 'Curves of the trainings of the current runs';
comment on column training_curve.loss is 'Mean of the steps'' losses since the point before';
comment on column training_curve.validation_loss is 'On data that is not trained on; NULL where it was not taken';
comment on view leaderboard is 'One row per study, variant and method: means over the pairs that have a barrier';
comment on column leaderboard.pairs is 'Pairs that have a barrier';
comment on column leaderboard.models is 'Different models (seeds) in those pairs';
comment on column leaderboard.barrier is 'Mean over pairs of barrier.barrier: max over lam of loss, minus the mean of the endpoints';
comment on column leaderboard.barrier_stderr is 'Standard error over pairs, sd / sqrt(pairs): too small, since pairs share seeds';
comment on column leaderboard.barrier_low is 'Lower end of the 95 % interval of barrier by jackknife over seeds; NULL under three seeds';
comment on column leaderboard.barrier_high is 'Upper end of the 95 % interval of barrier by jackknife over seeds; NULL under three seeds';
comment on column leaderboard.barrier_linear is 'Mean over pairs of barrier.barrier_linear';
comment on column leaderboard.midpoint is 'Mean over the pairs that have one of barrier.midpoint';
comment on column leaderboard.difference_to_vanilla is 'Mean of barrier - barrier of vanilla over the pairs that have both; 0 for vanilla itself';
comment on column leaderboard.difference_low is 'Lower end of the 95 % interval of difference_to_vanilla by jackknife over seeds';
comment on column leaderboard.difference_high is 'Upper end of the 95 % interval of difference_to_vanilla by jackknife over seeds';
comment on column leaderboard.symmetry is 'broken when the method breaks the symmetry on any pair, else kept; NULL when not recorded';
comment on column leaderboard.max_abs_logit_difference is 'The largest over pairs';
comment on column leaderboard.tokens is 'Mean over pairs of alignment.tokens: the data that aligning a pair takes; NULL where it takes none';
comment on column leaderboard.seconds is 'Mean over pairs of alignment.seconds: what aligning a pair takes, from the models and the text on';`

/** Create every table, view, macro and comment in an empty database, and fill in what is published. Runs in the caller's transaction. */
export async function createSchema(connection: DuckDBConnection): Promise<void> {
  await connection.run(tables)
  await migrate(connection, oldestVersion)
  await connection.run('insert into schema_version values ($1)', [schemaVersion])
}

/** Make of a database of an older version what `createSchema` makes, with its rows. Runs in the caller's transaction.
 *
 *  Views, macros, barriers and what is published hold nothing of their own: they are made anew.
 *  @param from From `oldestVersion` to `schemaVersion`.
 */
export async function upgradeSchema(connection: DuckDBConnection, from: number): Promise<void> {
  const views = await connection.runAndReadAll(
    `select view_name from duckdb_views() where not internal and schema_name = 'main'`,
  )
  for (const [name] of views.getRows()) await connection.run(`drop view ${quoteIdentifier(String(name))}`)
  await connection.run('drop table published; drop table if exists curve_barrier; drop macro student_t_quantile;')
  await migrate(connection, from)
  await connection.run('update schema_version set version = $1', [schemaVersion])
}

async function migrate(connection: DuckDBConnection, from: number): Promise<void> {
  const steps = migrations.slice(from - oldestVersion)
  const made = [publishedTable, curveBarrierTable, studentTMacro, views, curveShapeViews, publishedViews]
  const explained = [comments, curveBarrierComments, curveShapeComments, publishedComments]
  await connection.run([...steps, ...made, ...explained].join('\n'))
  await insertPublished(connection)
}

/** The schema version of a database; `undefined` when it holds no schema of ours. */
export async function readSchemaVersion(connection: DuckDBConnection): Promise<number | undefined> {
  const tables = await connection.runAndReadAll(
    `select 1 from duckdb_tables() where table_name = 'schema_version' and not temporary`,
  )
  if (tables.currentRowCount === 0) return undefined
  const versions = await connection.runAndReadAll('select max(version) from schema_version')
  return Number(versions.getRows()[0]?.[0])
}

/** The oldest version of a file that can be upgraded; an older one is rebuilt from the cache. */
export const oldestVersion = 4

/** Version 5: barriers that were taken to a precision. */
const estimates = `
create table estimate (
  study         varchar not null,
  run           varchar not null,
  variant       varchar not null,
  settings      json not null,
  pair          varchar not null,
  model_a       varchar not null,
  model_b       varchar not null,
  method        varchar not null,
  precision     double not null,
  confidence    double not null,
  barrier       double not null,
  low           double not null,
  high          double not null,
  blocks        bigint not null,
  blocks_in_all bigint not null,
  tokens        bigint not null,
  tokens_in_all bigint not null,
  primary key (study, run, variant, pair, method)
);`

/** Version 6: what of a lab cannot be computed again. */
const lab = `
create schema lab;
create table lab.action_origin (
  key varchar primary key, digest varchar not null, author varchar not null, isthmus varchar not null, made_at timestamp not null
);
create table lab.disagreement (
  key varchar not null, kept varchar not null, refused varchar not null, author varchar not null, isthmus varchar not null,
  made_at timestamp not null, primary key (key, refused, author)
);
create table lab.note (
  id varchar primary key, subject varchar not null, text varchar not null, author varchar not null, made_at timestamp not null
);
create table lab.tag (
  subject varchar not null, tag varchar not null, author varchar not null, made_at timestamp not null, primary key (subject, tag)
);
create table lab.saved_query (
  name varchar primary key, sql varchar not null, author varchar not null, made_at timestamp not null
);
comment on table lab.action_origin is 'Who gave the server the result of a key, and when';
comment on table lab.disagreement is 'Second, different values for a key: they were refused, the first is kept';
comment on table lab.note is 'Notes of people; subject is study:…, run:… or result:… with JSON of what names it';
comment on table lab.tag is 'Tags of people, as notes';
comment on table lab.saved_query is 'Queries that people saved';`

/** What each version adds to the tables of the one before, from `oldestVersion` on. Statements that stand here are never
 *  changed: files were upgraded by them.
 */
export const migrations: readonly string[] = [estimates, lab]

/** Raised with every change of a table, by a migration, and of a view, which are made anew by each. */
export const schemaVersion = oldestVersion + migrations.length

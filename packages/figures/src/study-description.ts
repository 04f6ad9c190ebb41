import type { Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'

/** What a study compared and on what, as figures say it. */
export interface StudyDescription {
  readonly study: string
  readonly pairs: number
  readonly models: number
  /** The tasks on which losses and scores were taken, by the names of their folders; empty where it was a text. */
  readonly tasks: readonly string[]
  /** The text on which losses were taken, by the name of its file. */
  readonly evaluationText: string
  /** Masked positions, or texts of a task, that a loss is a mean over; the most where tasks differ. */
  readonly positions: number
  /** The text on which features were matched, by the name of its folder. */
  readonly alignmentText: string
  /** Fractions of that text, one for each that the study has. */
  readonly fractions: readonly number[]
  /** Every method of the study, in the order of their names. */
  readonly methods: readonly string[]
  /** The methods that change the function of B on purpose. */
  readonly broken: readonly string[]
}

/** Read what a study compared, from its current run.
 *
 *  @throws {UserError} when there are no results of it.
 */
export async function describeStudy(results: Results, study: string): Promise<StudyDescription> {
  const [run] = await results.query<{ settings: string }>(
    `select settings from study_run semi join current_run using (study, run)
     where study = $1 order by started_at desc limit 1`,
    [study],
  )
  const [measured] = await results.query<{ pairs: number; models: number; positions: number; methods: string[] }>(
    `select count(distinct pair) as pairs, len(list_distinct(flatten(list([model_a, model_b])))) as models,
            max(positions) as positions, list_sort(list(distinct method)) as methods
     from curve where study = $1 having count(*) > 0`,
    [study],
  )
  if (run === undefined || measured === undefined) throw await noCurves(results, study)
  const broken = await results.query<{ method: string }>(
    `select distinct method from barrier where study = $1 and symmetry = 'broken' order by 1`,
    [study],
  )
  const variants = [JSON.parse(run.settings)].flat() as readonly unknown[]
  return {
    study,
    ...measured,
    tasks: [
      ...new Set(variants.map((variant) => setting(variant, 'task')).filter((task) => typeof task === 'string')),
    ].map(baseName),
    evaluationText: baseName(setting(variants[0], 'wikitext')),
    alignmentText: baseName(setting(variants[0], 'books')),
    fractions: [...new Set(variants.map((variant) => Number(setting(variant, 'alignment.fraction'))))].filter(
      Number.isFinite,
    ),
    broken: broken.map(({ method }) => method),
  }
}

async function noCurves(results: Results, study: string): Promise<UserError> {
  const trained = await results.query('select 1 from training_curve where study = $1 limit 1', [study])
  if (trained.length === 0) return new UserError(`No results of a study "${study}": ${runIt(study)}`)
  return new UserError(
    `Study "${study}" trained models and compares none, so that it has no loss curves: draw training-curves of it, or run ` +
      'a study of its models, isthmus run quickstart --set family=…',
  )
}

/** The studies that have results, in the order of their names. */
export async function studiesWithResults(results: Results): Promise<string[]> {
  const rows = await results.query<{ study: string }>(
    'select study from curve union select study from training_curve order by 1',
  )
  return rows.map(({ study }) => study)
}

/** `3 pairs of 3 models`. */
export function pairsOfModels({ pairs, models }: StudyDescription): string {
  return `${count(pairs, 'pair')} of ${count(models, 'model')}`
}

/** `wiki.valid.raw (912 masked tokens)`, or `the validation texts of genre, spam`. */
export function evaluatedOn({ tasks, evaluationText, positions }: StudyDescription): string {
  if (tasks.length > 0) return `the validation texts of ${tasks.join(', ')}`
  return `${evaluationText} (${positions.toLocaleString('en-US')} masked tokens)`
}

/** `books, fraction 0.1`, or `the training texts, fraction 1`. */
export function matchedOn({ tasks, alignmentText, fractions }: StudyDescription): string {
  const text = tasks.length > 0 ? 'the training texts' : alignmentText
  return fractions.length === 1 ? `${text} (fraction ${fractions[0]})` : text
}

/** What an axis of losses is called. */
export function lossLabel({ tasks }: StudyDescription): string {
  return tasks.length > 0 ? 'loss' : 'loss (nats per masked token)'
}

/** What a reader has to know of the methods marked with †; empty where the study has none. */
export function brokenNote({ broken }: StudyDescription): string {
  return broken.length === 0 ? '' : ' † changes the function of B on purpose: its λ = 0 is the changed model.'
}

/** A method's name as figures show it: marked where it breaks the symmetry. */
export function methodLabel(method: string, { broken }: StudyDescription): string {
  return broken.includes(method) ? `${method} †` : method
}

/** What to do about a study that has no results. */
export function runIt(study: string): string {
  return `run it first, isthmus run ${study}`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function setting(settings: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], settings)
}

function baseName(path: unknown): string {
  const name = typeof path === 'string' ? path.split(/[/\\]/).findLast((part) => part !== '') : undefined
  return name ?? 'text'
}

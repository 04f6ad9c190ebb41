import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JsonValue, Results } from '@isthmus/results'

/** What an export came to. */
export interface MlflowExport {
  readonly experiments: number
  readonly runs: number
}

/** How `exportMlflow` exports. */
export interface MlflowOptions {
  /** Only this study. */
  readonly study?: string | undefined
  /** Where the folder will be when it is used, if it is written somewhere else first. Default: where it is written. */
  readonly location?: string
  /** Called after each run. */
  readonly onRun?: (done: number, total: number) => void
}

interface Result {
  readonly study: string
  readonly run: string
  readonly variant: string
  readonly method: string
  readonly pair: string
  readonly model_a: string
  readonly model_b: string
  readonly symmetry: string | null
  /** JSON: the settings of each variant of the run, and the swept ones of this result. */
  readonly variants: string
  readonly swept: string
  readonly version: string
  /** Milliseconds since 1970; `null` where the study has not come to its end. */
  readonly started: number
  readonly finished: number | null
  readonly metrics: Readonly<Record<string, number | null>>
  readonly lam: readonly number[]
  readonly loss: readonly (number | null)[]
  readonly perplexity: readonly (number | null)[]
}

/** What MLflow's enumerations are as numbers: `RunStatus` and `SourceType`. */
const [running, finished, local] = [1, 3, 4]
/** MLflow's metrics have whole steps. */
const stepsPerLambda = 1000

/** Write the current results as a folder of MLflow's file store: an experiment for each study, a run for each result.
 *
 *      {experiment}/meta.yaml
 *      {experiment}/{run}/meta.yaml, params/{name}, metrics/{name}, tags/{name}
 *
 *  The settings are params, under their dotted paths; `barrier` and what else is one number of a curve are metrics, as are
 *  `loss` and `perplexity`, whose step is λ in thousandths. Ids are functions of what they name, so that exporting again
 *  gives the same runs. `mlflow ui --backend-store-uri FOLDER` opens it; from version 3 on with `MLFLOW_ALLOW_FILE_STORE=true`, or
 *  once `mlflow migrate-filestore` has made a database of it.
 *
 *  @param folder Made; files in it that have the names of ours are replaced.
 *  @see https://mlflow.org/docs/latest/self-hosting/architecture/backend-store, file store; `FileStore` of its source.
 */
export async function exportMlflow(
  results: Results,
  folder: string,
  { study, location = folder, onRun = () => undefined }: MlflowOptions = {},
): Promise<MlflowExport> {
  const found = await results.query<Result>(query, [study ?? null])
  const uri = (...parts: readonly string[]) => pathToFileURL(join(resolve(location), ...parts)).href
  const experiments = new Map<string, readonly Result[]>()
  for (const result of found) experiments.set(result.study, [...(experiments.get(result.study) ?? []), result])
  let done = 0
  for (const [name, members] of experiments) {
    const experiment = experimentId(name)
    const started = Math.min(...members.map((member) => member.started))
    await writeMeta(join(folder, experiment), {
      artifact_location: uri(experiment),
      creation_time: started,
      experiment_id: experiment,
      last_update_time: Math.max(...members.map((member) => member.finished ?? member.started)),
      lifecycle_stage: 'active',
      name,
    })
    for (const member of members) {
      const id = runId(member)
      await writeRun(join(folder, experiment, id), member, {
        artifact_uri: uri(experiment, id, 'artifacts'),
        end_time: member.finished,
        entry_point_name: '',
        experiment_id: experiment,
        lifecycle_stage: 'active',
        run_id: id,
        run_name: [member.method, member.pair, member.variant].filter(Boolean).join(' '),
        run_uuid: id,
        source_name: 'isthmus',
        source_type: local,
        source_version: '',
        start_time: member.started,
        status: member.finished === null ? running : finished,
        tags: [],
        user_id: '',
      })
      done += 1
      onRun(done, found.length)
    }
  }
  return { experiments: experiments.size, runs: found.length }
}

const metricColumns = [
  ...['barrier', 'barrier_linear', 'midpoint', 'difference_to_vanilla', 'loss_a', 'loss_b', 'lam_max'],
  ...['max_abs_logit_difference', 'tokens', 'seconds'],
]

const query = `
with points as (
  select study, variant, method, pair, list(lam order by lam) as lam, list(loss order by lam) as loss,
         list(perplexity order by lam) as perplexity
  from curve group by all
), latest as (
  from study_run semi join current_run using (study, run)
  qualify row_number() over (partition by study order by started_at desc) = 1
)
select study, run, variant, method, pair, model_a, model_b, symmetry, latest.settings as variants,
       barrier.settings as swept, version,
       epoch_ms(started_at) as started, epoch_ms(finished_at) as finished,
       {${metricColumns.map((name) => `'${name}': ${name === 'seconds' ? 'barrier.seconds' : name}`).join(', ')}} as metrics,
       lam, loss, perplexity
from barrier
join points using (study, variant, method, pair)
join latest using (study)
where $1 is null or study = $1
order by study, variant, method, pair`

async function writeRun(folder: string, result: Result, meta: Readonly<Record<string, unknown>>): Promise<void> {
  await writeMeta(folder, meta)
  await mkdir(join(folder, 'artifacts'), { recursive: true })
  const params = { ...settingsOf(result), method: result.method, pair: result.pair }
  for (const [name, value] of Object.entries(params)) await writeItem(folder, 'params', name, text(value))
  const time = result.finished ?? result.started
  for (const [name, value] of Object.entries(result.metrics)) {
    if (value !== null) await writeItem(folder, 'metrics', name, metricLine(time, value, 0))
  }
  for (const curve of ['loss', 'perplexity'] as const) {
    const lines = result.lam.map((lam, i) => metricLine(time, result[curve][i] ?? Number.NaN, lam * stepsPerLambda))
    await writeItem(folder, 'metrics', curve, lines.join(''))
  }
  const tags = {
    'mlflow.runName': String(meta.run_name),
    'mlflow.source.name': 'isthmus',
    'mlflow.source.type': 'LOCAL',
    'isthmus.version': result.version,
    'isthmus.run': result.run,
    'isthmus.model_a': result.model_a,
    'isthmus.model_b': result.model_b,
    'isthmus.symmetry': result.symmetry ?? 'unknown',
    'isthmus.step': `λ in thousandths, of the metrics loss and perplexity`,
  }
  for (const [name, value] of Object.entries(tags)) await writeItem(folder, 'tags', name, value)
}

/** Each line `time value step`. */
function metricLine(time: number, value: number, step: number): string {
  const number = Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  return `${Math.round(time)} ${number} ${Math.round(step)}\n`
}

async function writeItem(folder: string, kind: 'params' | 'metrics' | 'tags', name: string, value: string) {
  // MLflow's names: letters, digits, _ - . space : and / for folders.
  const path = join(folder, kind, name.replaceAll(/[^\w\-. :]/g, '_'))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, value)
}

/** A JSON value is YAML. */
async function writeMeta(folder: string, meta: Readonly<Record<string, unknown>>): Promise<void> {
  await mkdir(folder, { recursive: true })
  const lines = Object.entries(meta).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
  await writeFile(join(folder, 'meta.yaml'), lines.join(''))
}

/** All settings that a result was made with, by their dotted paths. */
function settingsOf({ variants, swept }: Result): Record<string, JsonValue> {
  const own = [...leaves(JSON.parse(swept))]
  const all = (JSON.parse(variants) as JsonValue[]).map((variant) => Object.fromEntries(leaves(variant)))
  const hasOwn = (variant: Record<string, JsonValue>) =>
    own.every(([path, value]) => JSON.stringify(variant[path]) === JSON.stringify(value))
  return { ...all.find(hasOwn), ...Object.fromEntries(own) }
}

function* leaves(value: JsonValue, path = ''): Iterable<[string, JsonValue]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (path !== '') yield [path, value]
    return
  }
  for (const [key, inner] of Object.entries(value)) yield* leaves(inner, path === '' ? key : `${path}.${key}`)
}

function text(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** MLflow's own are 18 digits. */
function experimentId(study: string): string {
  const digits = BigInt(`0x${sha256(study).slice(0, 16)}`) % 10n ** 17n
  return String(10n ** 17n + digits)
}

/** MLflow's own are 32 hexadecimal digits. */
function runId({ study, run, variant, method, pair }: Result): string {
  return sha256(JSON.stringify([study, run, variant, method, pair])).slice(0, 32)
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

import { escapeXml } from '@isthmus/figures'
import type { LeaderboardRow } from '@isthmus/results'
import { htmlPage, inlineFigure } from './figure-page.ts'
import { htmlTable } from './html-table.ts'
import type { GateRow, SettingDifferenceRow, StudyReport } from './study-report.ts'

/** The largest max |Δlogits| that is rounding in a method that keeps the function. */
const rounding = 1e-4

/** The report as one HTML page.
 *
 *  @param version Of isthmus, which made the report.
 *  @param title Of several studies together.
 */
export function reportPage(
  reports: readonly StudyReport[],
  version: string,
  title = reports.length === 1 ? reports[0]!.title : 'Loss barriers between independently trained models',
): string {
  const contents = reports.map(({ study, title }) => `<li><a href="#${escapeXml(study)}">${escapeXml(title)}</a></li>`)
  const body = [
    `<header>\n<h1>${escapeXml(title)}</h1>`,
    reports.every(isTraining)
      ? ''
      : paragraph(
          'Models A and B are trained from different initialisations; B is permuted to align it with A, and losses are ' +
            'taken along the line between them, θ = λ A + (1 − λ) B. The loss barrier is the largest loss on the line less ' +
            'the mean of the two models’ own losses, in nats: what averaging costs. Lower is better.',
        ),
    reports.length > 1 ? `<nav><ul>\n${contents.join('\n')}\n</ul></nav>` : '',
    '</header>',
    reports.length > 1 ? overview(reports) : '',
    ...reports.map((report) => section(report, reports.length > 1)),
    `<footer>${note(`Report by Isthmus ${version}, from its database of results.`)}</footer>`,
  ]
  return htmlPage(title, body.filter((part) => part !== '').join('\n'))
}

/** What each study comes to, in a line. */
function overview(reports: readonly StudyReport[]): string {
  const rows = reports.map(({ study, leaderboard, order }) => {
    const kept = leaderboard.filter(({ symmetry, method }) => symmetry === 'kept' && method !== 'vanilla')
    const below = ({ difference_to_vanilla, barrier }: LeaderboardRow) => difference_to_vanilla ?? barrier
    const best = kept.toSorted((x, y) => below(x) - below(y))[0]
    const vanilla = leaderboard.find(({ method, variant }) => method === 'vanilla' && variant === best?.variant)
    return [
      study,
      vanilla === undefined ? '–' : fixed(vanilla.barrier),
      best === undefined ? '–' : `${best.method}${best.variant === '' ? '' : ` (${settingValues(best.variant)})`}`,
      best === undefined ? '–' : fixed(best.barrier),
      best === undefined ? '–' : signed(best.difference_to_vanilla),
      order.length === 0 ? '–' : `${order.filter(({ agrees }) => agrees).length} of ${order.length}`,
    ]
  })
  const columns = ['study', 'vanilla', 'most below it', 'barrier', 'Δ to vanilla', 'order']
  const gates = reports.flatMap(({ gate }) => gate).filter(({ symmetry }) => symmetry === 'kept')
  const alignments = gates.reduce((sum, row) => sum + row.alignments, 0)
  const caption =
    'Barriers in nats, means over pairs, of the methods that keep the function of B. Order: comparisons of two methods whose ' +
    `difference has the published sign. ${alignments} alignments are of methods that keep the function; the most that ` +
    `any of them moved a logit is ${logits(Math.max(0, ...gates.map(({ greatest }) => greatest)))}.`
  return htmlTable(columns, rows, caption)
}

/** The values of a variant's settings: `0.1` of `alignment.fraction=0.1`. */
function settingValues(variant: unknown): string {
  return String(variant).replaceAll(/[\w.]+=/g, '')
}

/** Whether a study compares no models, but trains them. */
function isTraining({ trained }: StudyReport): boolean {
  return trained.length > 0
}

function section(report: StudyReport, withTitle: boolean): string {
  const { study, title, command, figures, missing, settings } = report
  return [
    `<section id="${escapeXml(study)}">`,
    withTitle ? `<h2>${escapeXml(title)}</h2>` : '',
    `<pre><code>${escapeXml(command)}</code></pre>`,
    facts(report),
    ...(isTraining(report)
      ? ['<h3>Models</h3>', trainedTable(report.trained)]
      : ['<h3>Leaderboard</h3>', leaderboardTable(report.leaderboard)]),
    ...figures.map(({ name, drawn }) => {
      const link = `<figcaption class="note"><a href="${escapeXml(figureFile(study, name))}">this figure as a file</a></figcaption>`
      return inlineFigure(drawn).replace('</figure>', `${link}\n</figure>`)
    }),
    settingDifferenceTable(report.settingDifferences),
    publishedTables(report),
    ...(isTraining(report) ? [] : ['<h3>Is the function kept?</h3>', gateTable(report.gate)]),
    `<details><summary class="note">All settings</summary><pre><code>${escapeXml(JSON.stringify(settings.length === 1 ? settings[0] : settings, null, 2))}</code></pre></details>`,
    missing.length === 0
      ? ''
      : `<details><summary class="note">Figures that were not drawn</summary><ul>${missing.map((sentence) => `<li class="note">${escapeXml(sentence)}</li>`).join('')}</ul></details>`,
    '</section>',
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** The file of a figure, beside the page. */
export function figureFile(study: string, figure: string): string {
  return `${study.replace(/[^\w.-]+/g, '-')}-${figure}.svg`
}

function trainedTable(rows: readonly StudyReport['trained'][number][]): string {
  return htmlTable(
    ['model', 'steps', 'training loss', 'validation loss'],
    rows.map(({ variant, model, steps, loss, validation_loss }) => [
      variant === '' ? model : `${model} (${settingValues(variant)})`,
      steps,
      fixed(loss),
      validation_loss === null ? '' : fixed(validation_loss),
    ]),
    'Means of −ln p of what is predicted, in nats, at the end of training.',
  )
}

function facts(report: StudyReport): string {
  const { study, run, settings, models } = report
  const [model] = models
  const setting = (path: string) => valuesOf(settings, path)
  const hasTask = settings.some(({ task }) => typeof task === 'string')
  const ran: [string, string] = [
    'run',
    `${run.started_at.slice(0, 16).replace('T', ' ')} UTC by Isthmus ${run.version}, ${ranText(run)}`,
  ]
  const rows: [string, string][] = isTraining(report)
    ? [
        ['study', study],
        ['trained on', `${setting('books')}, ${setting('wikitext')}: ${setting('tokensPerStep')} tokens a step`],
        [
          'validated on',
          `${setting('validation.wikitext')}: blocks of ${setting('validation.blockSize')} tokens, ${blocksText(setting('validation.blocks'))}`,
        ],
        ['engine', `TensorFlow.js on ${setting('executionProvider')}`],
        ran,
      ]
    : [
        ['study', study],
        [
          'models',
          `${models.map(({ name }) => name).join(', ')}${model === undefined ? '' : ` (${model.architecture}, ${model.parameters.toLocaleString('en-US')} parameters, ${model.dtype})`}`,
        ],
        [
          'losses on',
          hasTask
            ? `${setting('task')}: its validation texts`
            : `${setting('wikitext')}: blocks of ${setting('evaluation.blockSize')} tokens, ${blocksText(setting('evaluation.blocks'))}`,
        ],
        [
          'features matched on',
          `${hasTask ? 'the training texts' : setting('books')}: fraction ${setting('alignment.fraction')}`,
        ],
        ['λ', /^\d+$/.test(setting('lambdas')) ? `${setting('lambdas')} points` : setting('lambdas')],
        ['engine', `${setting('engine.name')} on ${setting('engine.executionProvider')}`],
        ran,
      ]
  return `<dl>\n${rows.map(([name, value]) => `<dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd>`).join('\n')}\n</dl>`
}

function blocksText(blocks: string): string {
  return blocks === 'null' ? 'the whole text' : `the first ${blocks}`
}

function ranText({ nodes_ran, nodes_cached, nodes_failed, seconds }: StudyReport['run']): string {
  const failed = nodes_failed === 0 ? '' : `, ${nodes_failed} failed`
  const time =
    seconds === null
      ? ''
      : `, in ${seconds < 0.1 ? 'under 0.1' : seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  return `${nodes_ran} steps computed, ${nodes_cached} from the cache${failed}${time}`
}

/** The different values of a setting over the variants. */
function valuesOf(settings: StudyReport['settings'], path: string): string {
  const values = settings.map((variant) =>
    path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], variant),
  )
  const texts = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
  return [...new Set(texts)].join(', ')
}

function leaderboardTable(rows: readonly LeaderboardRow[]): string {
  const variants = new Set(rows.map(({ variant }) => variant)).size > 1
  return htmlTable(
    [
      ...(variants ? ['setting'] : []),
      'method',
      'barrier',
      '± s.e.',
      '95 % interval',
      'Δ to vanilla',
      'Δ interval',
      'function',
      'pairs',
    ],
    rows.map((row) => [
      ...(variants ? [String(row.variant)] : []),
      String(row.method),
      fixed(row.barrier),
      fixed(row.barrier_stderr),
      interval(row.barrier_low, row.barrier_high),
      signed(row.difference_to_vanilla),
      interval(row.difference_low, row.difference_high),
      row.symmetry,
      row.pairs,
    ]),
    'Barriers in nats, means over pairs. Intervals: jackknife over models, since pairs share models. A method that ' +
      'breaks the function of B has its λ = 0 at the changed model.',
  )
}

function settingDifferenceTable(rows: readonly SettingDifferenceRow[]): string {
  if (rows.length === 0) return ''
  const first = rows[0]!.other_variant
  const table = htmlTable(
    ['setting', 'method', 'difference of barriers', '± s.e.', 'difference of the models’ losses', 'pairs'],
    rows.map((row) => [
      row.variant,
      row.method,
      signed(row.difference),
      fixed(row.difference_stderr),
      signed(row.loss_difference),
      row.pairs,
    ]),
    `Each setting less ${first}, on the same pairs, in nats.`,
  )
  return `<h3>Does the setting matter?</h3>\n${table}`
}

function publishedTables({ published, leaderboard, order }: StudyReport): string {
  if (published.length === 0) return ''
  const variants = [...new Set(leaderboard.map(({ variant }) => String(variant)))]
  const rows = variants.flatMap((variant) =>
    published.map((theirs) => {
      const ours = leaderboard.find((row) => row.variant === variant && row.method === theirs.method)
      return [
        ...(variants.length > 1 ? [variant] : []),
        theirs.method,
        ours === undefined ? 'not run' : `${fixed(ours.barrier)} ± ${fixed(ours.barrier_stderr)}`,
        `${theirs.barrier.toFixed(2)} ± ${theirs.stderr.toFixed(2)}`,
      ]
    }),
  )
  const agreeing = order.filter(({ agrees }) => agrees).length
  return [
    '<h3>Published figures beside ours</h3>',
    htmlTable(
      [...(variants.length > 1 ? ['setting'] : []), 'method', 'barrier here ± s.e.', 'published ± s.e.'],
      rows,
      `Published: ${[...new Set(published.map(({ source }) => source))].join('; ')}, on ${[...new Set(published.map(({ dataset }) => dataset))].join(', ')}. ` +
        'Models and text differ, so what can agree is the order of the methods.',
    ),
    order.length === 0
      ? ''
      : htmlTable(
          [...(variants.length > 1 ? ['setting'] : []), 'difference of barriers', 'here', 'published', 'same sign'],
          order.map((row) => [
            ...(variants.length > 1 ? [row.variant] : []),
            `${row.method} less ${row.other_method}`,
            signed(row.difference),
            signed(row.published_difference),
            row.agrees ? 'yes' : 'no',
          ]),
          `The order agrees in ${agreeing} of ${order.length} comparisons.`,
        ),
  ].join('\n')
}

function gateTable(rows: readonly GateRow[]): string {
  const kept = rows.filter(({ symmetry }) => symmetry === 'kept')
  const total = kept.reduce((sum, { alignments }) => sum + alignments, 0)
  const above = kept.filter(({ greatest }) => greatest > rounding).length
  return htmlTable(
    ['method', 'function of B', 'alignments', 'least max |Δlogits|', 'greatest'],
    rows.map(({ method, symmetry, alignments, least, greatest }) => [
      method,
      symmetry,
      alignments,
      logits(least),
      logits(greatest),
    ]),
    `max |Δlogits|: the largest change of a logit of B by its permutation, on a probe batch. ${total} alignments keep the ` +
      `function; ${above === 0 ? 'none' : `those of ${above} methods`} of them moved a logit by more than 1e-4.`,
  )
}

/** A difference of logits: rounding errors with their power of ten, what is larger as it is. */
function logits(value: number): string {
  return value === 0 || value >= 0.01 ? String(Number(value.toPrecision(2))) : value.toExponential(1).replace('-', '−')
}

function fixed(value: number | null): string {
  return value === null ? '–' : value.toFixed(3).replace('-', '−')
}

function signed(value: number | null): string {
  if (value === null) return '–'
  return `${value > 0 ? '+' : ''}${fixed(value)}`
}

function interval(low: number | null, high: number | null): string {
  return low === null || high === null ? '–' : `[${low.toFixed(2)}, ${high.toFixed(2)}]`.replaceAll('-', '−')
}

function paragraph(text: string): string {
  return `<p>${escapeXml(text)}</p>`
}

function note(text: string): string {
  return `<p class="note">${escapeXml(text)}</p>`
}

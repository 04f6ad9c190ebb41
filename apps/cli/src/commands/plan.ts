import {
  type CostEstimate,
  describeExplanation,
  type Explanation,
  estimateCost,
  explain,
  type Node,
} from '@isthmus/dataflow'
import { computeNow, planFamily, planStudy, selectNodes } from '@isthmus/study'
import { formatBytes } from '../format-bytes.ts'
import { formatRows } from '../format-rows.ts'
import { formatSeconds, progressOf } from '../progress.ts'
import { modelPuller } from '../pull-model.ts'
import { readStudies } from '../read-study.ts'
import { openSession, type Session, type SessionOptions } from '../session.ts'
import { joinTeam, type TeamOptions } from '../team.ts'

/** The options of `isthmus plan`. */
export interface PlanOptions extends Pick<SessionOptions, 'cacheFrom'>, TeamOptions {
  readonly set: readonly string[]
  /** Which steps would be computed, as for a run. */
  readonly only: readonly string[]
  readonly explain?: boolean
  readonly json?: boolean
}

/** `isthmus plan`: what a run would compute. Tokenises the text if that is not cached, since the plan of a study depends on
 *  its size; that of a family that is given minutes depends on what a step takes, which is measured.
 */
export async function planCommand(name: string, options: PlanOptions): Promise<void> {
  const read = await readStudies(name, options.set)
  await using session = await openSession(options, await joinTeam(options))
  const { cache } = session
  const targets = await planned(read, session)
  const explanations = await explain(selectNodes(targets, options.only), { cache })
  const estimates = estimateCost(explanations, { cache })
  if (options.json === true) {
    const steps = explanations.map(describeStep)
    process.stdout.write(`${JSON.stringify({ study: name, steps, estimates }, null, 2)}\n`)
    return
  }
  if (options.explain === true) {
    const lines = explanations.map(describeStep).map(({ label, why }) => `${label}: ${why}\n`)
    process.stdout.write(lines.join(''))
  }
  process.stdout.write(planTable(explanations, estimates))
}

async function planned(read: Awaited<ReturnType<typeof readStudies>>, session: Session): Promise<Node[]> {
  const { cache, signal } = session
  const progress = progressOf(session)
  const compute = computeNow({ ...session, onEvent: progress.onEvent })
  try {
    if (read.kind === 'family') {
      const { family, resolvePath } = read
      return [...(await planFamily(family, { cache, resolvePath, compute })).targets]
    }
    const pull = modelPuller(process.stderr, signal)
    const targets: Node[] = []
    for (const { study, resolvePath } of read.studies) {
      targets.push(...(await planStudy(study, { cache, resolvePath, compute, pull })).targets)
    }
    return targets
  } finally {
    progress.stop()
  }
}

function describeStep(explanation: Explanation) {
  const { node, state } = explanation
  return { operation: node.operation.id, label: node.label, state, why: describeExplanation(explanation) }
}

/** How many steps there are of each operation, and of all. */
function planTable(explanations: readonly Explanation[], estimates: readonly CostEstimate[]): string {
  const operations = [...new Set(explanations.map(({ node }) => node.operation.id))]
  const rows = operations.map((operation) => {
    const own = explanations.filter(({ node }) => node.operation.id === operation)
    const cached = own.filter(({ state }) => state === 'cached').length
    const seconds = estimates.find((estimate) => estimate.operation === operation)?.seconds
    const left = own.length - cached
    return [operation, own.length, cached, left, left === 0 ? '' : seconds == null ? '?' : formatSeconds(seconds)]
  })
  const columns = ['operation', 'steps', 'cached', 'to compute', 'processor time']
  const total = explanations.length
  const open = explanations.filter(({ state }) => state !== 'cached').length
  return (
    formatRows({ columns, rows }, 'table') +
    `${total} steps, ${total - open} cached, ${open} to compute${describeCost(estimates)}\n`
  )
}

/** What the steps to compute will take, as far as earlier ones of their kind tell. */
function describeCost(estimates: readonly CostEstimate[]): string {
  const known = estimates.filter(({ seconds }) => seconds !== null)
  if (known.length === 0) return ''
  const sum = (of: (estimate: CostEstimate) => number | null) => known.reduce((total, one) => total + (of(one) ?? 0), 0)
  const unknown = estimates.length - known.length
  const others = unknown === 0 ? '' : `, and what ${unknown} operations take that have never run`
  return (
    `: about ${formatSeconds(sum(({ seconds }) => seconds))} of one process and ` +
    `${formatBytes(sum(({ bytes }) => bytes))} of disk by earlier runs${others}`
  )
}

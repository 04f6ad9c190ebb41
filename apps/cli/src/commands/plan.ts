import { describeExplanation, explain, type Node } from '@isthmus/dataflow'
import { computeNow, planStudy } from '@isthmus/study'
import { formatRows } from '../format-rows.ts'
import { modelPuller } from '../pull-model.ts'
import { readStudies } from '../read-study.ts'
import { openSession } from '../session.ts'

/** `isthmus plan`: what a run would compute. Tokenises the text if that is not cached: the plan depends on its size. */
export async function planCommand(
  name: string,
  options: { readonly set: readonly string[]; readonly explain?: boolean; readonly json?: boolean },
): Promise<void> {
  const { studies } = await readStudies(name, options.set)
  await using session = await openSession()
  const { cache } = session
  const pull = modelPuller(process.stderr, session.signal)
  const targets: Node[] = []
  for (const { study, resolvePath } of studies) {
    targets.push(...(await planStudy(study, { cache, resolvePath, compute: computeNow(session), pull })).targets)
  }
  const explanations = await explain(targets, { cache })
  const steps = explanations.map((explanation) => ({
    operation: explanation.node.operation.id,
    label: explanation.node.label,
    state: explanation.state,
    why: describeExplanation(explanation),
  }))
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ study: name, steps }, null, 2)}\n`)
    return
  }
  if (options.explain === true) {
    for (const { label, why } of steps) process.stdout.write(`${label}: ${why}\n`)
  }
  const operations = [...new Set(steps.map(({ operation }) => operation))]
  const rows = operations.map((operation) => {
    const own = steps.filter((step) => step.operation === operation)
    const cached = own.filter(({ state }) => state === 'cached').length
    return [operation, own.length, cached, own.length - cached]
  })
  process.stdout.write(formatRows({ columns: ['operation', 'steps', 'cached', 'to compute'], rows }, 'table'))
  const open = steps.filter(({ state }) => state !== 'cached').length
  process.stdout.write(`${steps.length} steps, ${steps.length - open} cached, ${open} to compute\n`)
}

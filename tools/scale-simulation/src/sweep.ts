import { type AnyOperation, defineOperation, many, type Node } from '@isthmus/dataflow'
import { z } from 'zod'

/** The shape of a study, of which there are many variants. */
export interface SweepShape {
  readonly models: number
  readonly methods: number
  readonly lambdas: number
}

/** The operations of a study of barriers, by the names that they have in one. */
export const operationNames = [
  'corpus.alignment-tokens',
  'activations.capture',
  'activations.correlate',
  'alignment.align',
  'merging.equivalence-gate',
  'evaluation.model-loss',
  'evaluation.interpolated-loss',
] as const

type OperationName = (typeof operationNames)[number]

function operationOf(id: OperationName) {
  return defineOperation({
    id,
    version: 1,
    inputs: { of: many(z.number()) },
    params: z.object({ what: z.string() }),
    value: z.number(),
    run: () => Promise.reject(new Error('A simulation computes nothing.')),
  })
}

const operations = Object.fromEntries(operationNames.map((id) => [id, operationOf(id)])) as Record<
  OperationName,
  ReturnType<typeof operationOf>
>

/** All operations of a sweep. */
export const sweepOperations: readonly AnyOperation[] = Object.values(operations)

/** How many nodes one variant has. */
export function nodesOfVariant({ models, methods, lambdas }: SweepShape): number {
  const pairs = (models * (models - 1)) / 2
  // A text, features and loss of each model, correlations; of each method alignment, gate, and losses between the ends.
  return 1 + 2 * models + pairs + pairs * methods * lambdas
}

/** The targets of a sweep: variants of a study of barriers, each on a text of its own.
 *
 *      text → features of each model → correlation of each pair → alignment by each method → gate, losses over λ
 */
export function sweepTargets(shape: SweepShape, variants: number): Node[] {
  const targets: Node[] = []
  const node = (name: OperationName, of: readonly Node<number>[], what: string) =>
    operations[name].node({ of: [...of] }, { what })
  for (let variant = 0; variant < variants; variant++) {
    const text = node('corpus.alignment-tokens', [], `text ${variant}`)
    const models = Array.from({ length: shape.models }, (_, model) => ({
      features: node('activations.capture', [text], `model ${model}`),
      loss: node('evaluation.model-loss', [text], `model ${model} by itself`),
    }))
    targets.push(...models.map(({ loss }) => loss))
    for (let a = 0; a < shape.models; a++) {
      for (let b = a + 1; b < shape.models; b++) {
        const correlation = node('activations.correlate', [models[a]!.features, models[b]!.features], `${a} ${b}`)
        for (let method = 0; method < shape.methods; method++) {
          const alignment = node('alignment.align', [correlation], `method ${method}`)
          targets.push(node('merging.equivalence-gate', [alignment], ''))
          for (let lambda = 1; lambda < shape.lambdas - 1; lambda++) {
            targets.push(node('evaluation.interpolated-loss', [alignment, text], `λ ${lambda}`))
          }
        }
      }
    }
  }
  return targets
}

import { randomStream } from '@isthmus/corpus'
import { type Graph, graphOf } from '@isthmus/model'
import { elementCount, type Tensor } from '@isthmus/tensor'
import { normalValues } from './normal-values.ts'

/** The standard deviation from which BERT's weights are drawn, `initializer_range`. */
const standardDeviation = 0.02

/** Draw the parameters that stand on an encoder: of a BERT the pooler and the classifier.
 *
 *      W ~ N(0, 0.02²),   b = 0
 *
 *  Each is drawn from a stream of its own name, so that models of one family get one head from one seed, as in the paper:
 *  also the pooler, where the model that is fine-tuned has one.
 *  @param configJson The classifier's `config.json`.
 *  @param where The file, for the errors.
 *  @returns f32, by name.
 *  @throws {UserError} when the configuration is of no known architecture.
 *  @see Verma & Elbayad (2024), section 5; Devlin et al. (2019), BERT, appendix A.2.
 */
export function headParameters(configJson: unknown, where: string, seed: number): Map<string, Tensor> {
  const encoder = new Set(parameterNames(graphOf(configJson, where, { head: 'none' })))
  const head = graphOf(configJson, where).parameters.filter(({ name }) => !encoder.has(name))
  return new Map(
    head.map(({ name, shape }) => {
      const size = elementCount(shape)
      const isBias = shape.length === 1
      const drawn = () => normalValues(randomStream(seed, 'head', name), size, standardDeviation)
      return [name, { shape, data: isBias ? new Float32Array(size) : Float32Array.from(drawn()) }]
    }),
  )
}

function parameterNames({ parameters }: Graph): string[] {
  return parameters.map(({ name }) => name)
}

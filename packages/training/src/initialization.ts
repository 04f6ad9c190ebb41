import { z } from 'zod'

/** How the weights of a model are drawn before it is trained. */
export const initialization = z.strictObject({
  /** Of the matrices' elements, drawn from a normal distribution of mean 0. */
  standardDeviation: z.number().positive(),
  /** What the table of positions starts as: drawn as the matrices are, or sinusoids, rotated into a random basis. */
  positions: z.enum(['normal', 'sinusoids']),
  /** Root mean square of the table of positions. */
  positionStandardDeviation: z.number().positive(),
  /** Of sinusoids: the ratio of the longest wavelength to the shortest is this to the power 1 − 2 / width. */
  positionBase: z.number().gt(1),
  /** Whether each query starts equal to the key of its layer, so that a token first attends to its like. */
  tieQueryKey: z.boolean(),
  /** What queries and keys are multiplied by. */
  queryKeyScale: z.number().positive(),
})

export type Initialization = z.infer<typeof initialization>

/** BERT's own.
 *
 *  @see Devlin et al. (2019), BERT, whose code draws all weights with a standard deviation of 0.02 (and cuts them at two of
 *    these, which is not done here).
 */
export const bertInitialization: Initialization = {
  standardDeviation: 0.02,
  positions: 'normal',
  positionStandardDeviation: 0.02,
  positionBase: 10_000,
  tieQueryKey: false,
  queryKeyScale: 1,
}

/** One from which small models leave the plateau of single words early: a token first looks around itself, since its query
 *  is its key, and both see a position by sinusoids, whose products fall with distance.
 *
 *  @see Vaswani et al. (2017), Attention Is All You Need, section 3.5, for the sinusoids.
 */
export const localInitialization: Initialization = {
  standardDeviation: 0.05,
  positions: 'sinusoids',
  positionStandardDeviation: 0.075,
  positionBase: 60,
  tieQueryKey: true,
  queryKeyScale: 1.6,
}

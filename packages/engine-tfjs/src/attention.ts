import * as tf from '@tensorflow/tfjs'
import { withGradient } from './with-gradient.ts'

/** Added to a score that is to be hidden: f32 then keeps nothing of the score, so that a query that may attend to nothing
 *  attends evenly, as in the reference interpreter. */
const hidden = -1e30

export interface AttentionOptions {
  readonly numHeads: number
  /** Added to the scores, see {@link attentionBias}; null where all may be seen. */
  readonly bias: tf.Tensor | null
  /** What the probabilities are multiplied by, given their shape `[batch, heads, sequence, sequence]`. */
  dropoutMask(shape: readonly number[]): tf.Tensor | null
}

/** The heads' contexts, concatenated: of each head, with its queries q, keys k and values v,
 *
 *      (softmax(q kᵀ / √d_k + bias) ⊙ mask) v
 *
 *  Backward, the sum over tokens in the gradient of softmax, Σ_j p_j dp_j, is taken as Σ_c o_c do_c over the fewer
 *  features of the context o, and the probabilities are all that is kept of the size `sequence²`.
 *  @param query `[batch, sequence, numHeads·d_k]`, as `key`; `value` is `[batch, sequence, numHeads·d_v]`.
 *  @returns `[batch, sequence, numHeads·d_v]`.
 *  @see Vaswani et al. (2017), Attention Is All You Need, eq. (1); Dao et al. (2022), FlashAttention, appendix B.2.
 */
export function attention(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  { numHeads, bias, dropoutMask }: AttentionOptions,
): tf.Tensor {
  const [batch, sequence, width] = query.shape as [number, number, number]
  const scale = 1 / Math.sqrt(width / numHeads)
  const mask = dropoutMask([batch, numHeads, sequence, sequence])
  return withGradient(
    [query, key, value],
    (save) => {
      const [q, k, v] = [
        splitHeads(tf.mul(query, scale), numHeads),
        splitHeads(key, numHeads),
        splitHeads(value, numHeads),
      ]
      const scores = tf.matMul(q, k, false, true)
      const probabilities = tf.softmax(bias === null ? scores : tf.add(scores, bias))
      const context = tf.matMul(mask === null ? probabilities : tf.mul(probabilities, mask), v)
      save(q, k, v, probabilities, context, ...(mask === null ? [] : [mask]))
      return mergeHeads(context)
    },
    (dy, [q, k, v, probabilities, context, savedMask]) => {
      const masked = (x: tf.Tensor) => (savedMask === undefined ? x : tf.mul(x, savedMask))
      const dContext = splitHeads(dy, numHeads)
      const dValue = tf.matMul(masked(probabilities!), dContext, true, false)
      const dProbabilities = masked(tf.matMul(dContext, v!, false, true))
      const along = tf.sum(tf.mul(dContext, context!), -1, true)
      const dScores = tf.mul(probabilities!, tf.sub(dProbabilities, along))
      const dQuery = tf.mul(tf.matMul(dScores, k!), scale)
      const dKey = tf.matMul(dScores, q!, true, false)
      return [mergeHeads(dQuery), mergeHeads(dKey), mergeHeads(dValue)]
    },
  )
}

/** What hides from each query the tokens that it may not see: `[1 or batch, 1, 1 or sequence, sequence]`.
 *
 *  @param mask `[batch, sequence]`, 1 where a token may be seen; null: all may.
 *  @param causal Whether a token sees only itself and what stands before it.
 */
export function attentionBias(sequence: number, mask: tf.Tensor | null, causal: boolean): tf.Tensor {
  return tf.tidy(() => {
    const later = Float32Array.from({ length: sequence * sequence }, (_, i) =>
      causal && i % sequence > Math.floor(i / sequence) ? hidden : 0,
    )
    const causalBias = tf.tensor4d(later, [1, 1, sequence, sequence])
    if (mask === null) return causalBias
    const padding = tf.mul(tf.sub(1, tf.cast(mask, 'float32')), hidden)
    const paddingBias = tf.reshape(padding, [-1, 1, 1, sequence])
    return causal ? tf.add(paddingBias, causalBias) : paddingBias
  })
}

/** `[batch, sequence, heads·size]` to `[batch, heads, sequence, size]`. */
function splitHeads(x: tf.Tensor, numHeads: number): tf.Tensor {
  const [batch, sequence, width] = x.shape as [number, number, number]
  return tf.transpose(tf.reshape(x, [batch, sequence, numHeads, width / numHeads]), [0, 2, 1, 3])
}

/** The inverse of {@link splitHeads}. */
function mergeHeads(x: tf.Tensor): tf.Tensor {
  const [batch, numHeads, sequence, size] = x.shape as [number, number, number, number]
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, sequence, numHeads * size])
}

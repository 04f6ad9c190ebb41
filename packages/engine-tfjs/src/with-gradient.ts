import * as tf from '@tensorflow/tfjs'

/** Compute a value whose gradient is written out.
 *
 *  What forward and backward make on their way is freed as soon as they are done, where the tape would keep much of it
 *  until the whole step is over.
 *  @param inputs What the value is differentiated by: the tape knows of these and no others.
 *  @param forward Computes the value. `save`, called at most once, keeps tensors for `backward`, which may read no
 *    other tensor that was made since the tape was started.
 *  @param backward From the gradient by the value, and what was saved, the gradient by each input, in its shape.
 */
export function withGradient(
  inputs: readonly tf.Tensor[],
  forward: (save: (...tensors: tf.Tensor[]) => void) => tf.Tensor,
  backward: (dy: tf.Tensor, saved: readonly tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const operation = tf.customGrad((...given) => {
    const save = given.at(-1) as tf.GradSaveFunc
    return {
      value: forward((...tensors) => save(tensors)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => backward(dy, saved)),
    }
  })
  return operation(...inputs)
}

/** A size known when the graph is built, or a name for one that is known when it runs (`batch`, `sequence`, …). */
export type Dimension = number | string

/** What is fed to a run beside the weights. */
export interface GraphInput {
  readonly name: string
  readonly dtype: 'int32' | 'float32'
  readonly shape: readonly Dimension[]
}

/** A named array of the checkpoint, in the checkpoint's layout. */
export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
}

/** The name of a value: an input's, or a node's output. Unique in its graph. */
export type ValueId = string

/** How a linear map's weight is stored: `[out, in]` as PyTorch's `Linear`, `[in, out]` as GPT-2's `Conv1D`. */
export type WeightLayout = 'outIn' | 'inOut'

/** One operation. Fields named `weight`, `bias`, `table` name parameters; the other strings but `op`, `approximation` and
 *  `weightLayout` name values. All fields are plain, so that nodes can be compared field by field.
 *
 *  | op | computes | output shape |
 *  |---|---|---|
 *  | `gather` | rows of `table [n, width]` at `indices […]` | `[…, width]` |
 *  | `positions` | rows `offset` to `offset + sequence − 1` of `table [n, width]` or `[1, n, width]`, where `like` is `[batch, sequence, …]` | `[sequence, width]` |
 *  | `row` | row `index` of `table [n, width]` | `[width]` |
 *  | `patches` | `input [batch, channels, height, width]` cut into squares of `size`, row by row, each flattened channel by channel | `[batch, patches, channels·size²]` |
 *  | `prepend` | the token `table [1, 1, width]` before each sequence of `input [batch, n, width]` | `[batch, n + 1, width]` |
 *  | `linear` | `input Wᵀ + b`, `W [out, in]`, or `[out, …]` with the rest flattened; `input W + b`, `W [in, out]` with `weightLayout` `inOut` | `[…, out]` |
 *  | `slice` | features `start` to `start + size − 1` of the last axis of `input` | `[…, size]` |
 *  | `matmul` | `left right`, either transposed, both of rank 2 | `[m, n]` |
 *  | `add` | `left + right`, the shorter shape broadcast over leading axes | of `left` |
 *  | `layerNorm` | `(x − mean) / sqrt(var + ε) · γ + β` over the last axis | of `input` |
 *  | `gelu` | `x Φ(x)`, exact (erf) or by tanh | of `input` |
 *  | `tanh`, `relu` | elementwise | of `input` |
 *  | `attention` | per head `softmax(q kᵀ / √d_k + mask) v`, heads concatenated: the context | `[batch, sequence, H·d_v]` |
 *  | `select` | rows of `input [batch, sequence, width]`, flattened to `[batch·sequence, width]`, at `indices [n]` | `[n, width]` |
 *  | `first` | `input[:, 0, :]`, the first token | `[batch, width]` |
 *  | `softmax` | over the last axis | of `input` |
 *  | `crossEntropy` | `−ln softmax(logits)[label]` of each row, `logits [n, c]`, `labels [n]` | `[n]` |
 *  | `squaredError` | `(prediction − label)²` of each row, `predictions [n, 1]`, `labels [n]` | `[n]` |
 */
export type Node =
  | { readonly op: 'gather'; readonly table: string; readonly indices: ValueId; readonly output: ValueId }
  | {
      readonly op: 'positions'
      readonly table: string
      readonly like: ValueId
      readonly offset: number
      readonly output: ValueId
    }
  | { readonly op: 'row'; readonly table: string; readonly index: number; readonly output: ValueId }
  | { readonly op: 'patches'; readonly input: ValueId; readonly size: number; readonly output: ValueId }
  | { readonly op: 'prepend'; readonly table: string; readonly input: ValueId; readonly output: ValueId }
  | {
      readonly op: 'linear'
      readonly input: ValueId
      readonly weight: string
      readonly bias: string | null
      readonly weightLayout: WeightLayout
      readonly output: ValueId
    }
  | {
      readonly op: 'slice'
      readonly input: ValueId
      readonly start: number
      readonly size: number
      readonly output: ValueId
    }
  | {
      readonly op: 'matmul'
      readonly left: ValueId
      readonly right: ValueId
      readonly transposeLeft: boolean
      readonly transposeRight: boolean
      readonly output: ValueId
    }
  | { readonly op: 'add'; readonly left: ValueId; readonly right: ValueId; readonly output: ValueId }
  | {
      readonly op: 'layerNorm'
      readonly input: ValueId
      readonly weight: string
      readonly bias: string
      readonly epsilon: number
      readonly output: ValueId
    }
  | {
      readonly op: 'gelu'
      readonly input: ValueId
      readonly approximation: 'none' | 'tanh'
      readonly output: ValueId
    }
  | { readonly op: 'tanh'; readonly input: ValueId; readonly output: ValueId }
  | { readonly op: 'relu'; readonly input: ValueId; readonly output: ValueId }
  | {
      readonly op: 'attention'
      readonly query: ValueId
      readonly key: ValueId
      readonly value: ValueId
      /** An int32 input `[batch, sequence]`, 1 where a token may be attended to; null: all may. */
      readonly mask: ValueId | null
      readonly numHeads: number
      readonly causal: boolean
      readonly output: ValueId
    }
  | { readonly op: 'select'; readonly input: ValueId; readonly indices: ValueId; readonly output: ValueId }
  | { readonly op: 'first'; readonly input: ValueId; readonly output: ValueId }
  | { readonly op: 'softmax'; readonly input: ValueId; readonly output: ValueId }
  | { readonly op: 'crossEntropy'; readonly logits: ValueId; readonly labels: ValueId; readonly output: ValueId }
  | {
      readonly op: 'squaredError'
      readonly predictions: ValueId
      /** A float32 input. */
      readonly labels: ValueId
      readonly output: ValueId
    }

/** A place where features are read: a named value, its site and layer as in the paper (algorithms §1). */
export interface Tap {
  /** Unique in the graph: `ffn.0`, `attention.3`, `residual.embeddings`, `residual.2.output`, `residual.final` (after the
   *  last norm of a pre-LN stream), `mlmHead`. */
  readonly name: string
  readonly site: 'ffn' | 'attention' | 'query' | 'key' | 'residual' | 'mlmHead' | 'pooler'
  /** Counted from 0; −1 for the embeddings, null where a site occurs once. */
  readonly layer: number | null
  readonly value: ValueId
  readonly width: number
}

/** A forward pass as data: nodes in an order in which each reads only what stands before it. */
export interface Graph {
  /** The architecture and what distinguishes this graph, e.g. `bert`. */
  readonly architecture: string
  readonly inputs: readonly GraphInput[]
  readonly parameters: readonly Parameter[]
  readonly nodes: readonly Node[]
  /** The shape of every input and of every node's output, in the dimensions of the inputs. */
  readonly shapes: Readonly<Record<ValueId, readonly Dimension[]>>
  readonly taps: readonly Tap[]
  /** Names by which a run's results are asked for, e.g. `hidden`, `logits`, `negativeLogLikelihood`. */
  readonly outputs: Readonly<Record<string, ValueId>>
}

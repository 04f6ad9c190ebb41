/** Choices about a graph that `config.json` does not make. Each architecture heeds those that it has a use for. */
export interface ArchitectureOptions {
  /** Add the input `attentionMask`, so that sequences may be padded. Default true. */
  readonly padding?: boolean
  /** `none`: leave out what stands on the encoder, so that only `hidden` is computed. Default: what the class that saved
   *  the model has.
   */
  readonly head?: 'none'
  /** Whether a language model's decoder is the word embeddings, or a parameter of its own, of the same shape. Default: as
   *  `config.json` says. `untied` on a model that ties them frees the decoder of the residual stream's permutation; its
   *  weights, the parameter that the node `logits` reads, are then to be fed as a copy of the embeddings.
   */
  readonly decoder?: 'tied' | 'untied'
  /** Of BERT: whether a token sees only itself and what stands before it, so that a position's label is the next token.
   *  Default false.
   */
  readonly causal?: boolean
  /** Of BERT: the row of the position table at which a sequence begins. Default 0. */
  readonly firstPosition?: number
}

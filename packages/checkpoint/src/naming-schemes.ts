/** How the checkpoints of one architecture name their tensors, and how else they have been named. */
export interface NamingScheme {
  /** `model_type` in `config.json`. */
  readonly modelType: string
  /** What `transformers` puts before the encoder's names where a head stands on it; a bare encoder lacks it. */
  readonly prefix: string
  /** The encoder's own modules, by which a bare one is known. */
  readonly modules: readonly string[]
  /** Stored tensors that hold no parameters: position numbers, causal masks. With the prefix. */
  readonly buffers: RegExp
  /** The decoder of the language model, where there is one. */
  readonly decoder?: {
    readonly weight: string
    /** What it is tied to, unless `tie_word_embeddings` is false. */
    readonly embeddings: string
    /** One bias under two names: the second is the canonical one. */
    readonly bias?: { readonly alias: string; readonly name: string }
  }
}

/** The schemes that are known; others keep the names that they are stored under. */
export const namingSchemes: readonly NamingScheme[] = [
  {
    modelType: 'bert',
    prefix: 'bert',
    modules: ['embeddings', 'encoder', 'pooler'],
    buffers: /^bert\.embeddings\.position_ids$/,
    decoder: {
      weight: 'cls.predictions.decoder.weight',
      embeddings: 'bert.embeddings.word_embeddings.weight',
      bias: { alias: 'cls.predictions.decoder.bias', name: 'cls.predictions.bias' },
    },
  },
  {
    modelType: 'roberta',
    prefix: 'roberta',
    modules: ['embeddings', 'encoder', 'pooler'],
    buffers: /^roberta\.embeddings\.position_ids$/,
    decoder: {
      weight: 'lm_head.decoder.weight',
      embeddings: 'roberta.embeddings.word_embeddings.weight',
      bias: { alias: 'lm_head.decoder.bias', name: 'lm_head.bias' },
    },
  },
  {
    modelType: 'distilbert',
    prefix: 'distilbert',
    modules: ['embeddings', 'transformer'],
    buffers: /^distilbert\.embeddings\.position_ids$/,
    decoder: { weight: 'vocab_projector.weight', embeddings: 'distilbert.embeddings.word_embeddings.weight' },
  },
  {
    modelType: 'gpt2',
    prefix: 'transformer',
    modules: ['wte', 'wpe', 'h', 'ln_f'],
    buffers: /^transformer\.h\.\d+\.attn\.(bias|masked_bias)$/,
    decoder: { weight: 'lm_head.weight', embeddings: 'transformer.wte.weight' },
  },
  {
    modelType: 'vit',
    prefix: 'vit',
    modules: ['embeddings', 'encoder', 'layernorm', 'pooler'],
    buffers: /^vit\.embeddings\.position_ids$/,
  },
]

import type { Tokenizer } from '@isthmus/corpus'
import type { FamilySettings } from './family-settings.ts'

/** The `config.json` of a BERT for masked language modelling, as `save_pretrained` of `transformers` writes it. */
export function bertConfigJson(
  { architecture, initialization, dropout }: Pick<FamilySettings, 'architecture' | 'initialization' | 'dropout'>,
  { vocabSize, padId }: Pick<Tokenizer, 'vocabSize' | 'padId'>,
) {
  return {
    architectures: ['BertForMaskedLM'],
    attention_probs_dropout_prob: dropout,
    hidden_act: architecture.hiddenAct,
    hidden_dropout_prob: dropout,
    hidden_size: architecture.hiddenSize,
    initializer_range: initialization.standardDeviation,
    intermediate_size: architecture.intermediateSize,
    layer_norm_eps: architecture.layerNormEps,
    max_position_embeddings: architecture.maxPositionEmbeddings,
    model_type: 'bert',
    num_attention_heads: architecture.numAttentionHeads,
    num_hidden_layers: architecture.numHiddenLayers,
    pad_token_id: padId ?? 0,
    position_embedding_type: 'absolute',
    torch_dtype: 'float32',
    type_vocab_size: architecture.typeVocabSize,
    vocab_size: vocabSize,
  }
}

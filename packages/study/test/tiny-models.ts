import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type FileToSave, saveCheckpoint } from '@isthmus/checkpoint'
import { graphOf, randomParameters } from '@isthmus/model'

/** Architectures that studies run on, by what their tiny models are called. */
export const architectureNames = ['bert', 'roberta', 'distilbert', 'gpt2', 'vit'] as const
export type ArchitectureName = (typeof architectureNames)[number]

type Files = Readonly<Record<string, FileToSave>>

const letters = [...'abcdefghijklmnopqrstuvwxyz']

/** The character that stands for each byte in a byte-level vocabulary, as `bytes_to_unicode` of GPT-2 has it. */
function byteCharacters(): string[] {
  const prints = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(prints(byte) ? byte : next++))
}

const wordPieceTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...letters, ...letters.map((c) => `##${c}`)]
const byteLevelTokens = (special: readonly string[]) => [...special, ...byteCharacters(), 'Ġt', 'he', 'Ġthe']
const robertaTokens = byteLevelTokens(['<s>', '<pad>', '</s>', '<unk>', '<mask>'])
const gpt2Tokens = byteLevelTokens(['<|endoftext|>'])

const merges = ['Ġ t', 'h e', 'Ġt he']
const ids = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]))
const content = (value: object): FileToSave => ({ content: JSON.stringify(value) })

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }

/** What a model of each architecture consists of beside its weights. */
const models: Readonly<Record<ArchitectureName, { config: Readonly<Record<string, unknown>>; files: Files }>> = {
  bert: {
    config: { ...bertSizes('bert', 'BertForMaskedLM', wordPieceTokens.length), type_vocab_size: 2 },
    files: { 'vocab.txt': { content: `${wordPieceTokens.join('\n')}\n` } },
  },
  roberta: {
    config: {
      ...bertSizes('roberta', 'RobertaForMaskedLM', robertaTokens.length),
      max_position_embeddings: 26,
      pad_token_id: 1,
      type_vocab_size: 1,
    },
    files: {
      'vocab.json': content(ids(robertaTokens)),
      'merges.txt': { content: `#version: 0.2\n${merges.join('\n')}\n` },
    },
  },
  distilbert: {
    config: {
      model_type: 'distilbert',
      architectures: ['DistilBertForMaskedLM'],
      dim: 8,
      n_layers: 2,
      n_heads: 2,
      hidden_dim: 12,
      vocab_size: wordPieceTokens.length,
      max_position_embeddings: 24,
      activation: 'gelu',
    },
    files: { 'vocab.txt': { content: `${wordPieceTokens.join('\n')}\n` } },
  },
  gpt2: {
    config: {
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      n_embd: 8,
      n_layer: 2,
      n_head: 2,
      n_inner: 12,
      vocab_size: gpt2Tokens.length,
      n_positions: 24,
      layer_norm_epsilon: 1e-5,
      activation_function: 'gelu_new',
    },
    files: {
      'tokenizer.json': content({
        added_tokens: [{ id: 0, content: '<|endoftext|>', single_word: false, special: true, normalized: false }],
        normalizer: null,
        pre_tokenizer: byteLevel,
        post_processor: byteLevel,
        decoder: byteLevel,
        model: { type: 'BPE', vocab: ids(gpt2Tokens), merges },
      }),
      'tokenizer_config.json': content({ bos_token: '<|endoftext|>', unk_token: '<|endoftext|>' }),
    },
  },
  vit: {
    config: {
      model_type: 'vit',
      architectures: ['ViTForImageClassification'],
      hidden_size: 8,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 12,
      image_size: 32,
      patch_size: 8,
      num_channels: 3,
      layer_norm_eps: 1e-12,
      hidden_act: 'gelu',
      num_labels: 8,
    },
    files: { 'preprocessor_config.json': content({ image_mean: [0.5, 0.4, 0.3], image_std: 0.25 }) },
  },
}

function bertSizes(model_type: string, architecture: string, vocab_size: number) {
  return {
    model_type,
    architectures: [architecture],
    hidden_size: 8,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 12,
    vocab_size,
    max_position_embeddings: 24,
    layer_norm_eps: 1e-12,
    hidden_act: 'gelu',
  }
}

/** Save models of random weights as a family: `{folder}/{architecture}/seed-1`, `seed-2`.
 *
 *  @param overrides Fields of `config.json` to change.
 *  @returns The family's folder.
 */
export async function saveTinyFamily(
  folder: string,
  architecture: ArchitectureName,
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const family = join(folder, architecture)
  const { files } = models[architecture]
  const config = { ...models[architecture].config, ...overrides }
  for (const seed of [1, 2]) {
    const parameters = randomParameters(graphOf(config, 'config.json'), seed)
    const tensors = [...parameters].map(([name, { shape, data }]) => ({
      name,
      dtype: 'F32' as const,
      shape,
      data: Float32Array.from(data),
    }))
    await saveCheckpoint(join(family, `seed-${seed}`), { config, tensors, files })
  }
  return family
}

/** Write a little text: `{folder}/books/genre/book.txt` with 30 lines, and `{folder}/wiki.raw`. */
export async function saveTinyText(folder: string): Promise<void> {
  const words = ['the', 'cat', 'they', 'sat', 'on', 'then', 'a', 'mat', 'this', 'dog', 'ran', 'off', 'hello']
  const line = (i: number) => Array.from({ length: 4 + (i % 5) }, (_, k) => words[(7 * i + 3 * k * k) % 13]).join(' ')
  const lines = Array.from({ length: 30 }, (_, i) => line(i))
  for (const [name, text] of [
    ['books/genre/book.txt', lines],
    ['wiki.raw', lines.toReversed()],
  ] as const) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, `${text.join('\n')}\n`)
  }
}

/** Write a task of pairs of sentences that a model can learn, in a folder that is called `name`: classes by the first word,
 *  or scores from 0 to 5 by the number of words that the sentences share.
 */
export async function saveTinyTask(
  folder: string,
  name: string,
  kind: 'classes' | 'scores',
  rows: { readonly train: number; readonly dev: number } = { train: 16, dev: 12 },
): Promise<string> {
  const directory = join(folder, name)
  const words = ['cat', 'mat', 'dog', 'sat', 'ran', 'hat', 'off', 'let']
  const row = (i: number) => {
    const first = [words[i % 8], words[(3 * i + 1) % 8], words[(i >> 1) % 8]]
    const second = i % 3 === 0 ? first : [words[(5 * i + 2) % 8], words[i % 5]]
    const shared = first.filter((word) => second.includes(word)).length
    const label = kind === 'classes' ? ['early', 'late'][Number(i % 8 > 3)] : (shared * 5) / 3
    return `${first.join(' ')}\t${second.join(' ')}\t${label}`
  }
  const table = (from: number, count: number) =>
    ['one\ttwo\tlabel', ...Array.from({ length: count }, (_, i) => row(from + i)), ''].join('\n')
  const labels =
    kind === 'classes'
      ? { classes: ['early', 'late'], metrics: ['accuracy', 'f1'] }
      : { range: [0, 5], metrics: ['pearson', 'spearman'] }
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'train.tsv'), table(0, rows.train))
  await writeFile(join(directory, 'dev.tsv'), table(rows.train, rows.dev))
  await writeFile(
    join(directory, 'task.json'),
    JSON.stringify({ sentences: ['one', 'two'], label: 'label', ...labels }),
  )
  return directory
}

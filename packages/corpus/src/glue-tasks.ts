import type { TaskColumns, TaskLabels, TaskMetric, TextTask } from './text-task.ts'

/** What distinguishes a task of GLUE from the others. */
interface GlueTask extends Pick<TextTask, 'id' | 'title' | 'labels' | 'metrics' | 'reference'> {
  readonly tsv: TaskColumns & Partial<Omit<TextTask['tsv'], 'columns'>>
  /** As TSV unless given. */
  readonly parquet?: TaskColumns
  /** Default `validation`. */
  readonly validation?: string
}

const classes = (...names: readonly string[]): TaskLabels => ({ kind: 'classes', names })
const accuracy: readonly TaskMetric[] = ['accuracy']
const accuracyAndF1: readonly TaskMetric[] = ['accuracy', 'f1']
const pair: TaskColumns = { sentences: ['sentence1', 'sentence2'], label: 'label' }
const questions: TaskColumns = { sentences: ['question1', 'question2'], label: 'is_duplicate' }
const single: TaskColumns = { sentences: ['sentence'], label: 'label' }

function glueTask({ tsv, parquet, validation = 'validation', ...task }: GlueTask): TextTask {
  const { sentences, label, header = null, brokenRows = 'refused' } = tsv
  const { files = [{ train: 'train.tsv', validation: 'dev.tsv' }] } = tsv
  const columns = { sentences, label }
  return {
    ...task,
    tsv: { columns, header, files, brokenRows },
    parquet: { columns: parquet ?? columns, splits: { train: 'train', validation } },
  }
}

/** The tasks of GLUE that Verma & Elbayad (2024) fine-tune on: all but WNLI.
 *
 *  Classes are in the order of the hub's `nyu-mll/glue`, metrics are GLUE's. MNLI is evaluated on the mismatched genres.
 *  @see Wang et al. (2019), GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding.
 */
export const glueTasks: readonly TextTask[] = [
  glueTask({
    id: 'mnli-mm',
    title: 'Multi-Genre Natural Language Inference, mismatched',
    labels: classes('entailment', 'neutral', 'contradiction'),
    metrics: accuracy,
    tsv: {
      sentences: ['sentence1', 'sentence2'],
      label: 'gold_label',
      files: [{ train: 'train.tsv', validation: 'dev_mismatched.tsv' }],
    },
    parquet: { sentences: ['premise', 'hypothesis'], label: 'label' },
    validation: 'validation_mismatched',
    reference: 'Williams et al. (2018), A Broad-Coverage Challenge Corpus for Sentence Understanding through Inference',
  }),
  glueTask({
    id: 'qqp',
    title: 'Quora Question Pairs',
    labels: classes('not_duplicate', 'duplicate'),
    metrics: accuracyAndF1,
    // Some questions hold line breaks, which break their rows.
    tsv: { ...questions, brokenRows: 'left out' },
    parquet: { ...questions, label: 'label' },
    reference: 'Iyer et al. (2017), First Quora Dataset Release: Question Pairs',
  }),
  glueTask({
    id: 'qnli',
    title: 'Question-answering Natural Language Inference',
    labels: classes('entailment', 'not_entailment'),
    metrics: accuracy,
    tsv: { sentences: ['question', 'sentence'], label: 'label' },
    reference: 'Rajpurkar et al. (2016), SQuAD: 100,000+ Questions for Machine Comprehension of Text',
  }),
  glueTask({
    id: 'sst-2',
    title: 'Stanford Sentiment Treebank',
    labels: classes('negative', 'positive'),
    metrics: accuracy,
    tsv: single,
    reference: 'Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank',
  }),
  glueTask({
    id: 'cola',
    title: 'Corpus of Linguistic Acceptability',
    labels: classes('unacceptable', 'acceptable'),
    metrics: ['matthews'],
    tsv: { ...single, header: ['source', 'label', 'mark', 'sentence'] },
    reference: 'Warstadt et al. (2019), Neural Network Acceptability Judgments',
  }),
  glueTask({
    id: 'sts-b',
    title: 'Semantic Textual Similarity Benchmark',
    labels: { kind: 'scores', range: [0, 5] },
    metrics: ['pearson', 'spearman'],
    tsv: { ...pair, label: 'score' },
    parquet: pair,
    reference: 'Cer et al. (2017), SemEval-2017 Task 1: Semantic Textual Similarity',
  }),
  glueTask({
    id: 'mrpc',
    title: 'Microsoft Research Paraphrase Corpus',
    labels: classes('not_equivalent', 'equivalent'),
    metrics: accuracyAndF1,
    tsv: {
      sentences: ['#1 String', '#2 String'],
      label: 'Quality',
      files: [
        { train: 'train.tsv', validation: 'dev.tsv' },
        // The corpus's own split, which GLUE divides again.
        { train: 'msr_paraphrase_train.txt', validation: 'msr_paraphrase_test.txt' },
      ],
    },
    parquet: pair,
    reference: 'Dolan & Brockett (2005), Automatically Constructing a Corpus of Sentential Paraphrases',
  }),
  glueTask({
    id: 'rte',
    title: 'Recognizing Textual Entailment',
    labels: classes('entailment', 'not_entailment'),
    metrics: accuracy,
    tsv: pair,
    reference: 'Bentivogli et al. (2009), The Fifth PASCAL Recognizing Textual Entailment Challenge',
  }),
]

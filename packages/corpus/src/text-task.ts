/** How the predictions of a task are scored. */
export const taskMetrics = ['accuracy', 'f1', 'matthews', 'pearson', 'spearman'] as const
export type TaskMetric = (typeof taskMetrics)[number]

/** What a row of a task is labelled with. */
export type TaskLabels =
  | {
      readonly kind: 'classes'
      /** Names of the classes; a class is predicted by its index here. */
      readonly names: readonly string[]
    }
  | {
      readonly kind: 'scores'
      /** The lowest and the highest score. */
      readonly range: readonly [number, number]
    }

/** Which columns of a table hold what a model reads, and what it is to predict. */
export interface TaskColumns {
  /** One sentence, or a pair. */
  readonly sentences: readonly [string] | readonly [string, string]
  readonly label: string
}

export type TaskSplit = 'train' | 'validation'

/** A task of text classification or regression: where its sentences and labels lie, and how predictions are scored.
 *
 *  It is plain data, so that a task of one's own is a file `task.json`: {@link openTask}.
 */
export interface TextTask {
  /** Lower case, as `mrpc`. */
  readonly id: string
  readonly title: string
  readonly labels: TaskLabels
  /** The first is the task's main one. */
  readonly metrics: readonly TaskMetric[]
  readonly tsv: {
    readonly columns: TaskColumns
    /** The names of the columns of files that have no line of names; null where the first line has them. */
    readonly header: readonly string[] | null
    /** What the files of the splits are called; of several ways, the first whose files are all there counts. */
    readonly files: readonly Readonly<Record<TaskSplit, string>>[]
    /** What becomes of rows with too few fields: an error, or they are left out, as the hub leaves them out. */
    readonly brokenRows: 'refused' | 'left out'
  }
  readonly parquet: {
    readonly columns: TaskColumns
    /** What the shards of the splits are called: `{split}-00000-of-00001.parquet`. */
    readonly splits: Readonly<Record<TaskSplit, string>>
  }
  /** Where the task comes from. */
  readonly reference: string
}

/** What reading a task's tables needs to know of it: it fixes the rows. */
export type TaskTables = Pick<TextTask, 'id' | 'labels' | 'tsv' | 'parquet'>

/** The files of one split of a task: a TSV file as `table.tsv`, or parquet shards as `part-00000.parquet`, …. */
export type TaskFiles = Readonly<Record<string, string>>

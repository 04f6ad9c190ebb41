import { UserError } from '@isthmus/tensor'

/** The class that adds a classifier to an encoder, by `model_type`. */
const classifierClasses: Readonly<Record<string, string>> = {
  bert: 'BertForSequenceClassification',
  roberta: 'RobertaForSequenceClassification',
  distilbert: 'DistilBertForSequenceClassification',
}

/** The `config.json` of a classifier that is fine-tuned from a model.
 *
 *  As `save_pretrained` of `transformers` writes it: `architectures`, `id2label` and `label2id`, and `problem_type`, which
 *  for one label is `regression`. What else the model's own has stays.
 *  @param config The `config.json` that the model has.
 *  @param classes Names of the classes by their labels; null for a regression.
 *  @param where The model, for the error.
 *  @throws {UserError} when there is no classifier of its `model_type` here.
 */
export function classifierConfig(
  config: Readonly<Record<string, unknown>>,
  classes: readonly string[] | null,
  where: string,
): Record<string, unknown> {
  const classifier = classifierClasses[String(config.model_type)]
  if (classifier === undefined) {
    throw new UserError(
      `${where} has model_type ${config.model_type}, and only ${Object.keys(classifierClasses).join(', ')} can be ` +
        'fine-tuned on a task; choose a family of one of these',
    )
  }
  const { num_labels: _, ...own } = config
  const names = classes ?? ['LABEL_0']
  return {
    ...own,
    architectures: [classifier],
    id2label: Object.fromEntries(names.map((name, label) => [label, name])),
    label2id: Object.fromEntries(names.map((name, label) => [name, label])),
    problem_type: classes === null ? 'regression' : 'single_label_classification',
  }
}

import type { FamilyModel, FamilyPlan } from '@isthmus/study'

/** How a model was trained, and what it came to: the content of `training.json`. */
export interface TrainingRecord {
  /** The family, by the name under which its results are found. */
  readonly study: string
  readonly seed: number
  readonly steps: number
  /** Read in training, [CLS] and [SEP] included. */
  readonly tokens: number
  /** Means of −ln p: over the last steps, and over the validation text. */
  readonly trainingLoss: number
  readonly validationLoss: number | null
  /** Of the training itself; of one that was interrupted, since it was last gone on with. */
  readonly seconds: number
  readonly engine: FamilyModel['params']['engine']
  readonly recipe: Omit<FamilyModel['params'], 'config' | 'engine'>
  /** What it was trained on, and what its tokenizer is: where that was, and its digest. */
  readonly sources: Readonly<Record<string, { readonly path: string; readonly digest: string }>>
  /** Of the training in the cache. */
  readonly key: string
  /** Of isthmus. */
  readonly version: string
}

/** What is to be known of a model that was trained. */
export function trainingRecord({ family, sources }: FamilyPlan, model: FamilyModel, version: string): TrainingRecord {
  const { config: _, engine, ...recipe } = model.params
  const last = model.curve.at(-1)!
  return {
    study: family.name,
    seed: model.seed,
    steps: recipe.recipe.steps,
    tokens: tokensOf(recipe),
    trainingLoss: last.loss,
    validationLoss: last.validationLoss,
    seconds: model.seconds,
    engine,
    recipe,
    sources: Object.fromEntries(
      Object.entries(sources).map(([name, { label, artifact }]) => [name, { path: label, digest: artifact.digest }]),
    ),
    key: model.key,
    version,
  }
}

/** Blocks fill a step's tokens as far as they fit. */
function tokensOf({ phases, tokensPerStep }: TrainingRecord['recipe']): number {
  return phases.reduce((sum, { until, blockLength }, i) => {
    const steps = until - (phases[i - 1]?.until ?? 0)
    return sum + steps * Math.floor(tokensPerStep / blockLength) * blockLength
  }, 0)
}

/** The README.md of a model that was trained from nothing. */
export function trainedModelCard(name: string, training: TrainingRecord): string {
  const { study, seed, steps, tokens, trainingLoss, validationLoss, engine, recipe, sources, version } = training
  const phases = recipe.phases.map(({ until, objective, blockLength, randomPosition }) => {
    const place = randomPosition ? 'at a random place' : 'from the first position'
    return `| ${until} | ${objective} | ${blockLength}, ${place} |`
  })
  const texts = Object.entries(sources).map(([role, { path, digest }]) => `| ${role} | ${path} | \`${digest}\` |`)
  return `---
library_name: transformers
tags:
- fill-mask
- isthmus
---

# ${name} of ${study}

A BERT for masked language modelling, trained from nothing: one of a family whose members differ in their seed alone.

| seed | steps | tokens | training loss | validation loss |
|---|---|---|---|---|
| ${seed} | ${steps} | ${tokens} | ${trainingLoss.toFixed(4)} | ${validationLoss?.toFixed(4) ?? ''} |

Losses are means of −ln p, in nats. The steps went through these phases, with ${recipe.tokensPerStep} tokens a step:

| until step | objective | tokens a block |
|---|---|---|
${phases.join('\n')}

| | from | digest |
|---|---|---|
${texts.join('\n')}

\`training.json\` has the whole recipe. Trained with TensorFlow.js ${engine.version} on the backend ${engine.executionProvider}.

Made with Isthmus ${version}.
`
}

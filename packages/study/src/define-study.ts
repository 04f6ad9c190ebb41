import type { FamilySettings } from './family-settings.ts'
import type { StudySettings } from './settings.ts'

/** Values to try for one setting: the study runs once for each, and for each combination where several are swept. */
export interface Sweep<Value> {
  readonly sweep: readonly Value[]
}

/** Settings of which any may be left out (its default is taken) or swept. */
export type Sweepable<Settings> = {
  readonly [Name in keyof Settings]?: Settings[Name] extends Readonly<Record<string, unknown>>
    ? Sweepable<Settings[Name]> | Sweep<Settings[Name]>
    : Settings[Name] | Sweep<Settings[Name]>
}

/** What a `study.ts` exports: the experiment section of a paper, as data. */
export interface StudyDefinition extends Sweepable<StudySettings> {
  /** The name under which its results are found; that of its folder. */
  readonly name: string
  /** One line: what is compared, on what. */
  readonly title: string
  /** The figures that its report shows, by name. Default: all that can be drawn of its results. */
  readonly figures?: readonly string[]
}

/** Define a study. The definition is data: it is checked when it is planned, where defaults and sweeps are filled in.
 *
 *      export default defineStudy({
 *        name: 'attention-heads',
 *        title: 'Table 1: …',
 *        methods: ['ffn', 'head-perm'],
 *        alignment: { fraction: sweep([0.1, 1]) },
 *      })
 */
export function defineStudy(definition: StudyDefinition): StudyDefinition {
  return definition
}

/** Settings of which any may be left out: its default is taken. */
export type Partially<Settings> = {
  readonly [Name in keyof Settings]?: Settings[Name] extends Readonly<Record<string, unknown>>
    ? Partially<Settings[Name]>
    : Settings[Name]
}

/** What the `study.ts` of a family exports: models that are to be trained, which studies then compare. */
export interface FamilyDefinition extends Partially<FamilySettings> {
  readonly kind: 'family'
  /** The name under which its results are found; that of its folder. */
  readonly name: string
  /** One line: what is trained, on what. */
  readonly title: string
}

/** Define a family of models that differ in their seed, by the recipe that they are trained by.
 *
 *      export default defineFamily({
 *        name: 'wide-family',
 *        title: 'Four BERTs of twice the width',
 *        architecture: { hiddenSize: 256, intermediateSize: 1024 },
 *      })
 */
export function defineFamily(definition: Omit<FamilyDefinition, 'kind'>): FamilyDefinition {
  return { kind: 'family', ...definition }
}

/** Several studies that are run, and reported, as one: what they share is computed once. */
export interface StudyCollection {
  readonly name: string
  /** One line: what the studies are together. */
  readonly title: string
  /** Names of studies under the same `experiments/`, in the order of the report. */
  readonly studies: readonly string[]
}

/** Define a collection, as `study.ts` of a folder of its own: `isthmus run paper` runs all of `paper`'s studies. */
export function defineCollection(collection: StudyCollection): StudyCollection {
  return collection
}

/** Sweep a setting over values. */
export function sweep<Value>(values: readonly Value[]): Sweep<Value> {
  return { sweep: values }
}

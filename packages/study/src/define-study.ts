import type { FamilySettings } from './family-settings.ts'
import type { StudySettings } from './settings.ts'

/** Values to try for one setting, or for several that belong together: the study runs once for each, and for each
 *  combination where several are swept.
 */
export interface Sweep<Value> {
  readonly sweep: readonly Value[]
}

/** Settings of which any may be left out (its default is taken) or swept. */
export type Sweepable<Settings> = {
  readonly [Name in keyof Settings]?: Settings[Name] extends Readonly<Record<string, unknown>>
    ? Sweepable<Settings[Name]> | Sweep<Sweepable<Settings[Name]>>
    : Settings[Name] | Sweep<Settings[Name]>
}

/** A random part of a grid. */
export interface GridSample {
  /** How many points of the grid are taken; all where there are no more. */
  readonly count: number
  /** Which ones: a point that is taken of a grid is taken of a part of the grid too, if it is there. Default 0. */
  readonly seed?: number
}

/** What a `study.ts` exports: the experiment section of a paper, as data. */
export interface StudyDefinition extends Sweepable<StudySettings> {
  /** The name under which its results are found; that of its folder. */
  readonly name: string
  /** One line: what is compared, on what. */
  readonly title: string
  /** Which points of the grid of swept settings are run, by the settings of the point, defaults filled in. Default: all. */
  readonly where?: (settings: StudySettings) => boolean
  /** Run a random part of the points that are left. Default: all. */
  readonly sample?: GridSample
  /** The figures that its report shows, by name. Default: all that can be drawn of its results. */
  readonly figures?: readonly string[]
}

/** Define a study. The definition is data: it is checked when it is planned, where defaults and sweeps are filled in.
 *
 *      export default defineStudy({
 *        name: 'attention-heads',
 *        title: 'Table 1: …',
 *        methods: ['ffn', 'head-perm'],
 *        alignment: { fraction: sweep([0.1, 1]), seed: sweep([0, 1, 2]) },
 *        where: ({ alignment }) => alignment.fraction < 1 || alignment.seed === 0,
 *        sample: { count: 3, seed: 1 },
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

/** Sweep a setting over values, or a group of settings over points.
 *
 *      alignment: sweep([{ fraction: 0.1, seed: 1 }, { fraction: 1, maxTokens: 128 }])
 */
export function sweep<Value>(values: readonly Value[]): Sweep<Value> {
  return { sweep: values }
}

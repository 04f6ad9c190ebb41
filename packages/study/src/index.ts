export {
  defineCollection,
  defineFamily,
  defineStudy,
  type FamilyDefinition,
  type GridSample,
  type Partially,
  type StudyCollection,
  type StudyDefinition,
  type Sweep,
  type Sweepable,
  sweep,
} from './define-study.ts'
export { engineFactories, engineIdentity } from './engines.ts'
export { type ExpandedFamily, expandFamily } from './expand-family.ts'
export { type ExpandedStudy, expandStudy, overrideSettings, type StudyVariant } from './expand-study.ts'
export { type Family, families, isFamilyPath } from './families.ts'
export { type FamilySettings, familySettings } from './family-settings.ts'
export type { ForwardPasses } from './forward-passes.ts'
export { type FolderModel, openModels, type StudyModel } from './open-models.ts'
export type { AlignmentValue } from './operations/artifacts.ts'
export { gate } from './operations/gate.ts'
export { studyOperations } from './operations/index.ts'
export { AlignmentPlanner, type AlignmentSettings, type PlanContext } from './plan-alignment.ts'
export { type FamilyPlan, type PlannedModel, planFamily } from './plan-family.ts'
export { lambdaValues, type PlannedCurve, planStudy, type StudyContext, type StudyPlan } from './plan-study.ts'
export { type FamilyModel, type FamilyRun, type PlacedFamily, runFamily } from './run-family.ts'
export { computeNow, type PlacedStudy, type RunStudiesOptions, runStudies, type StudiesRun } from './run-study.ts'
export { nodePattern, selectNodes } from './select-nodes.ts'
export { type StudySettings, studySettings } from './settings.ts'

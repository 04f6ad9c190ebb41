export {
  defineCollection,
  defineStudy,
  type StudyCollection,
  type StudyDefinition,
  type Sweep,
  type Sweepable,
  sweep,
} from './define-study.ts'
export { engineFactories, engineIdentity } from './engines.ts'
export { type ExpandedStudy, expandStudy, overrideSettings, type StudyVariant } from './expand-study.ts'
export { type Family, families, isFamilyPath } from './families.ts'
export type { ForwardPasses } from './forward-passes.ts'
export { openModels, type StudyModel } from './open-models.ts'
export type { AlignmentValue } from './operations/artifacts.ts'
export { gate } from './operations/gate.ts'
export { studyOperations } from './operations/index.ts'
export { AlignmentPlanner, type AlignmentSettings, type PlanContext } from './plan-alignment.ts'
export { lambdaValues, type PlannedCurve, planStudy, type StudyContext, type StudyPlan } from './plan-study.ts'
export { computeNow, type PlacedStudy, type RunStudiesOptions, runStudies, type StudiesRun } from './run-study.ts'
export { type StudySettings, studySettings } from './settings.ts'

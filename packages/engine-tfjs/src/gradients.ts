export { type DropoutSite, dropoutSites } from './dropout-sites.ts'
export { type EvaluationOptions, evaluateGraph } from './evaluate-graph.ts'
export { type OpenBackend, openBackend } from './open-backend.ts'

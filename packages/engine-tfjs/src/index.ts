export { type BackendName, type BackendReport, backendNames, inspectBackend } from './backends.ts'
export { tfjsEngine } from './tfjs-engine.ts'

export {
  adaptersInLog,
  type GraphicsAdapters,
  inspectProviders,
  type OnnxReport,
  type ProviderReport,
} from './inspect-providers.ts'
export { onnxEngine } from './onnx-engine.ts'

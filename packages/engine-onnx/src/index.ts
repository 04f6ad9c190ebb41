export { executionProviders, onnxEngine } from './onnx-engine.ts'

import { encodeOnnxModel } from './onnx-model.ts'

/** ONNX Runtime's package, loaded when it is needed. */
export type OnnxRuntime = typeof import('onnxruntime-node')

/** ONNX Runtime, whose own log would repeat on stderr what its errors say. */
export async function quietRuntime(): Promise<OnnxRuntime> {
  const runtime = await import('onnxruntime-node')
  runtime.env.logLevel = 'fatal'
  return runtime
}

/** What to install for a provider that does not start. */
export const remedies: Readonly<Record<string, string>> = {
  cuda: "its libraries are fetched by onnxruntime-node's install script, which this project leaves out: npm rebuild onnxruntime-node --ignore-scripts=false",
  webgpu:
    'it needs a graphics adapter and its driver for Vulkan, Metal or Direct3D 12: on Debian, apt-get install ' +
    'mesa-vulkan-drivers of version 25 or later (12 has it in bookworm-backports), which also computes without a graphics card, slowly',
}

/** The bytes of a model of one product, on which a provider is started. */
export function probeModel(): Uint8Array {
  const side = { type: 'float' as const, shape: [1, 1] }
  return encodeOnnxModel({
    inputs: [{ name: 'x', ...side }],
    outputs: [{ name: 'y', ...side }],
    nodes: [{ op: 'MatMul', domain: '', inputs: ['x', 'x'], outputs: ['y'], attributes: {} }],
    initializers: [],
  })
}

/** Start a provider in this process.
 *
 *  @returns Why it does not start, or null.
 */
export async function startProvider(
  { InferenceSession: Session }: OnnxRuntime,
  provider: string,
): Promise<string | null> {
  try {
    const session = await Session.create(probeModel(), { executionProviders: [provider], logSeverityLevel: 4 })
    await session.release()
    return null
  } catch (error) {
    return reasonOf((error as Error).message)
  }
}

/** What an error of ONNX Runtime says, without the place in its sources and the condition that failed. */
export function reasonOf(message: string): string {
  const line = message.split('\n')[0]!.trim()
  return / was false\. (.+)$/.exec(line)?.[1] ?? line
}

import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { encodeOnnxModel, type OnnxModel } from '../src/onnx-model.ts'

/** `y = softmax(x, axis −1) · scale`, with an integer and a float attribute, both domains, and both initialisers. */
const model: OnnxModel = {
  inputs: [{ name: 'x', type: 'float', shape: ['rows', 2] }],
  outputs: [{ name: 'y', type: 'float', shape: ['rows', 2] }],
  nodes: [
    { op: 'Reshape', domain: '', inputs: ['x', 'shape'], outputs: ['flat'], attributes: {} },
    { op: 'Softmax', domain: '', inputs: ['flat'], outputs: ['p'], attributes: { axis: -1 } },
    {
      op: 'FusedMatMul',
      domain: 'com.microsoft',
      inputs: ['p', 'scale'],
      outputs: ['y'],
      attributes: { alpha: { float: 0.5 } },
    },
  ],
  initializers: [
    { name: 'shape', shape: [2], values: BigInt64Array.of(-1n, 2n) },
    { name: 'scale', shape: [2, 2], values: Float32Array.of(2, 0, 0, 4) },
  ],
}

describe('encodeOnnxModel', () => {
  it('is read by ONNX Runtime, which computes what the model says', async () => {
    const session = await InferenceSession.create(encodeOnnxModel(model), { logSeverityLevel: 4 })
    expect(session.inputNames).toEqual(['x'])
    expect(session.outputNames).toEqual(['y'])
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(0, 0, Math.log(3), 0), [2, 2]) })
    expect(y!.dims).toEqual([2, 2])
    for (const [i, value] of [0.5, 1, 0.75, 0.5].entries()) expect(y!.data[i]).toBeCloseTo(value, 6)
    await session.release()
  })

  it('gives the same bytes each time', () => {
    expect(encodeOnnxModel(model)).toEqual(encodeOnnxModel(structuredClone(model)))
  })

  it('names an operator that there is not, so that a fault in lowering is seen when a program is compiled', async () => {
    const [first] = model.nodes
    const wrong = { ...model, nodes: [{ ...first!, op: 'Reshap' }, ...model.nodes.slice(1)] }
    await expect(InferenceSession.create(encodeOnnxModel(wrong), { logSeverityLevel: 4 })).rejects.toThrow(/Reshap/)
  })
})

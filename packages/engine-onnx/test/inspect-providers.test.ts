import { describe, expect, it } from 'vitest'
import { adaptersInLog, inspectProviders } from '../src/index.ts'
import { reasonOf } from '../src/start-provider.ts'

/** As the Vulkan loader writes it: in its own order, in the order that it hands on, and again for each caller. */
const loaderLog = `INFO:             Vulkan Loader Version 1.3.239
INFO | DRIVER:    linux_read_sorted_physical_devices:
INFO | DRIVER:         Original order:
INFO | DRIVER:               [0] llvmpipe (LLVM 15.0.6, 256 bits)
INFO | DRIVER:               [1] Intel(R) Arc(tm) A380 Graphics (DG2)
INFO | DRIVER:         Sorted order:
INFO | DRIVER:               [0] Intel(R) Arc(tm) A380 Graphics (DG2)  [default]
INFO | DRIVER:               [1] llvmpipe (LLVM 15.0.6, 256 bits)  
DEBUG | DRIVER:   Copying old device 0 into new device 0
INFO | DRIVER:    linux_read_sorted_physical_devices:
INFO | DRIVER:         Sorted order:
INFO | DRIVER:               [0] Intel(R) Arc(tm) A380 Graphics (DG2)  [default]
INFO | DRIVER:               [1] llvmpipe (LLVM 15.0.6, 256 bits)  
DEBUG | DRIVER:   Copying old device 0 into new device 0
LAYER:            [0] a layer
`
const taking =
  'DRIVER:                  Using "llvmpipe (LLVM 15.0.6, 256 bits)" with driver: "/usr/lib/libvulkan_lvp.so"\n'
const found = ['Intel(R) Arc(tm) A380 Graphics (DG2)', 'llvmpipe (LLVM 15.0.6, 256 bits)']

describe('adaptersInLog', () => {
  it('reads which adapters there are, and which one is taken', () => {
    expect(adaptersInLog(loaderLog + taking)).toEqual({ found, taken: 'llvmpipe (LLVM 15.0.6, 256 bits)' })
  })

  it('reads that none is taken, and that there is none', () => {
    expect(adaptersInLog(loaderLog)).toEqual({ found, taken: null })
    expect(adaptersInLog('INFO:             Vulkan Loader Version 1.3.239\n')).toEqual({ found: [], taken: null })
    expect(adaptersInLog('')).toEqual({ found: [], taken: null })
  })
})

describe('inspectProviders', () => {
  it('finds the adapter that WebGPU takes among those that there are, where WebGPU starts', async () => {
    const { providers, adapters } = await inspectProviders()
    const webgpu = providers.find(({ name }) => name === 'webgpu')
    if (adapters === null || webgpu === undefined) return expect(process.platform).not.toBe('linux')
    if (webgpu.reason === null) return expect(adapters.found).toContain(adapters.taken)
    expect(adapters.taken).toBeNull()
    expect(webgpu.reason).not.toBe('')
    expect(webgpu.remedy).toMatch(/^it needs a graphics adapter/)
  })
})

describe('reasonOf', () => {
  it('leaves out where in the sources of ONNX Runtime a condition failed', () => {
    const place = '/src/core/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(int)::<lambda()> '
    expect(reasonOf(`${place}result.status == Success was false. Failed to get a WebGPU adapter: none\n`)).toBe(
      'Failed to get a WebGPU adapter: none',
    )
    expect(reasonOf(' Failed to load shared library\nmore\n')).toBe('Failed to load shared library')
  })
})

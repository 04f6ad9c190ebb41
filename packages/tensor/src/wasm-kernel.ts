/** What is needed of it here; the types of Node lack it. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object
    readonly Instance: new (module: object) => { readonly exports: unknown }
  }
}

/** The memory of a kernel. */
export interface KernelMemory {
  /** Another one after every `grow`. */
  readonly buffer: ArrayBuffer
  /** @param pages More of 64 KiB each. */
  grow(pages: number): number
}

/** Instantiate a WebAssembly module that imports nothing.
 *
 *  @param base64 The module's bytes. Beside it stand its source in the text format and a test that compares the two.
 *  @returns What it exports, which the caller knows.
 */
export function instantiateKernel<Exports>(base64: string): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(base64, 'base64'))).exports as Exports
}

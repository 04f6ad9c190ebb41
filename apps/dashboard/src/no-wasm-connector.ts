/** Stands in the bundle for the part of Mosaic that runs DuckDB in the page, which it would fetch from another host. */
export class DuckDBWASMConnector {
  constructor() {
    throw new Error('DuckDB runs on the server.')
  }
}

export function wasmConnector(): DuckDBWASMConnector {
  return new DuckDBWASMConnector()
}

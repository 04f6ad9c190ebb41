import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

/** Paths are relative, so that the page works under any path of a proxy. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    // Mosaic can run DuckDB in the page, from another host; ours runs on the server.
    alias: [
      {
        find: /^\.\/connectors\/wasm\.js$/,
        replacement: fileURLToPath(new URL('src/no-wasm-connector.ts', import.meta.url)),
      },
    ],
  },
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 1500 },
})

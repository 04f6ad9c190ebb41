import { type Connector, Coordinator, coordinator, decodeIPC } from '@uwdata/mosaic-core'
import { ask, type ServerError } from './server.ts'

let whenFailed: (message: string) => void = () => undefined

/** Be told when a chart's question fails.
 *
 *  @returns Ends it.
 */
export function onChartError(call: (message: string) => void): () => void {
  whenFailed = call
  return () => {
    whenFailed = () => undefined
  }
}

/** Ask the server as Mosaic does: its own connector would send no token along. What it asks for comes as Arrow. */
const connector = {
  async query({ sql }: { readonly sql: string }): Promise<unknown> {
    try {
      const response = await ask('sql', { method: 'POST', body: JSON.stringify({ sql, type: 'arrow' }) })
      return decodeIPC(await response.arrayBuffer())
    } catch (error) {
      whenFailed((error as ServerError).message)
      throw error
    }
  },
} as Connector

// Results can only be read, so that there are no tables of sums for Mosaic to make.
coordinator(new Coordinator(connector, { logger: null, preagg: { enabled: false } }))

/** Forget answers: rows have been recorded. */
export function forgetAnswers(): void {
  coordinator().clear({ clients: false })
}

/** End what a chart asks for. */
export function disconnectChart(chart: Element): void {
  for (const element of [chart, ...chart.querySelectorAll('.plot')]) {
    const { marks = [] } = (element as PlotElement).value ?? {}
    for (const mark of marks) coordinator().disconnect(mark)
  }
}

interface PlotElement extends Element {
  readonly value?: { readonly marks?: readonly Parameters<Coordinator['disconnect']>[0][] }
}

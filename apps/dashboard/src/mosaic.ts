import { type Connector, Coordinator, coordinator, decodeIPC } from '@uwdata/mosaic-core'
import { ask } from './server.ts'

/** Ask the server as Mosaic does: its own connector would send no token along. What it asks for comes as Arrow. */
const connector = {
  async query({ sql }: { readonly sql: string }): Promise<unknown> {
    const response = await ask('sql', { method: 'POST', body: JSON.stringify({ sql, type: 'arrow' }) })
    return decodeIPC(await response.arrayBuffer())
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

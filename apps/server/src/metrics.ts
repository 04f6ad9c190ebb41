import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What the server counts, for Prometheus. */
export class Metrics {
  readonly registry = new Registry()
  readonly #requests: Counter
  readonly #seconds: Histogram
  readonly #received: Counter
  readonly #sent: Counter
  readonly rows: Counter
  readonly actions: Counter
  readonly disagreements: Counter

  /** @param levels What is asked for when the metrics are read. */
  constructor(levels: {
    readonly queriesWaiting: () => number
    readonly records: () => number
    readonly runs: () => number
  }) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
      new Counter({ name: `isthmus_${name}`, help, labelNames: [...labelNames], registers })
    this.#requests = counter('requests_total', 'Requests', ['method', 'route', 'status'])
    this.#received = counter('blob_bytes_received_total', 'Bytes of blobs that were taken')
    this.#sent = counter('blob_bytes_sent_total', 'Bytes of blobs that were given')
    this.rows = counter('rows_total', 'Rows of results that were taken')
    this.actions = counter('actions_total', 'Records that were taken')
    this.disagreements = counter('disagreements_total', 'Second, different values for a key')
    this.#seconds = new Histogram({
      name: 'isthmus_request_seconds',
      help: 'Time until a request was answered',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    })
    for (const [name, help, read] of [
      ['queries_waiting', 'Queries that wait for others', levels.queriesWaiting],
      ['records', 'Records in the cache', levels.records],
      ['runs', 'Runs that go on', levels.runs],
    ] as const) {
      new Gauge({
        name: `isthmus_${name}`,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    }
  }

  /** @param route As it is in the OpenAPI document, so that there are few. */
  answered(method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method, route, status: String(status) })
    this.#seconds.observe({ method, route }, seconds)
  }

  received(bytes: number): void {
    this.#received.inc(bytes)
  }

  sent(bytes: number): void {
    this.#sent.inc(bytes)
  }
}

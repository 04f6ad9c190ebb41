import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** A Redis of a test's own, on a free port of loopback, that keeps nothing: killed and started again, it is empty. */
export class RedisServer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'isthmus-redis-'))
  readonly #port: number
  #process: ChildProcess | undefined

  private constructor(port: number) {
    this.#port = port
  }

  /** @throws {Error} saying what to install when this machine has no Redis. */
  static async start(): Promise<RedisServer> {
    if (spawnSync('redis-server', ['--version']).error !== undefined) {
      throw new Error(
        'These tests need the program redis-server: install Redis, on Debian with `apt-get install redis-server`.',
      )
    }
    const server = new RedisServer(await freePort())
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const options = ['--port', `${this.#port}`, '--bind', '127.0.0.1', '--dir', this.#directory, '--save', '']
    this.#process = spawn('redis-server', options, { stdio: 'ignore' })
    const client = new Redis(this.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
    client.on('error', () => undefined)
    await client.ping()
    client.disconnect()
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Kill it, wait, and start it again without its data. */
  async restart(awayMilliseconds: number): Promise<void> {
    await this.kill()
    await sleep(awayMilliseconds)
    await this.start()
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
